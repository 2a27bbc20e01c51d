"""How hypothesis looks for counter-examples: no law is about time, so no example has a deadline."""

from hypothesis import HealthCheck, settings

settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("laws")
