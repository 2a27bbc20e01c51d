"""The only place where ports and adapters are put together. Each is made, and imported, when it is first used."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

from poolwright import traces
from poolwright.services.ports import (
    Clock,
    CloudBuild,
    Clusters,
    Compute,
    Gke,
    Monitoring,
    Ports,
    Publisher,
    SignIn,
    Store,
    Webhook,
)
from poolwright.settings import Settings

if TYPE_CHECKING:
    from poolwright.adapters.gke import KubernetesEngine
    from poolwright.adapters.google_access import GoogleAccess
    from poolwright.environments import Environment


def ports(settings: Settings | None = None) -> Ports:
    """This process's ports; by its environment variables unless told otherwise. BadSetting."""
    return _of_process() if settings is None else _LatePorts(settings)


@cache
def sign_in() -> SignIn | None:
    """Who vouches for people by this process's variables; None where the door alone does. BadSetting."""
    audience = Settings.read().iap_audience
    if not audience:
        return None
    from poolwright.adapters.iap import IdentityAwareProxy

    return IdentityAwareProxy(audience)


@cache
def _of_process() -> Ports:
    return _LatePorts(Settings.read())


class _LatePorts(Ports):
    """`Ports` whose fields are filled in when somebody asks for them."""

    _settings: Settings

    def __init__(self, settings: Settings) -> None:
        told = {
            "work_topic": settings.work_topic,
            "notifications_topic": settings.notifications_topic,
            "dead_letter_topic": settings.dead_letter_topic,
            "build_configs": settings.build_configs,
        }
        self.__dict__.update(told, _settings=settings)  # the dataclass is frozen

    @cached_property
    def environments(self) -> tuple[Environment, ...]:
        from poolwright import environments

        return environments.load(self._settings.environments)

    @cached_property
    def store(self) -> Store:
        kind, _, where = self._settings.store.partition(":")
        if kind == "sqlite":
            from poolwright.adapters.sqlite_store import SqliteStore

            return traces.seen(SqliteStore(where), "store")
        from poolwright.adapters.firestore_store import FirestoreStore

        return traces.seen(FirestoreStore(project=self._settings.project, database=where or "(default)"), "store")

    @cached_property
    def publisher(self) -> Publisher:
        from poolwright.adapters.pubsub import PubSub

        return traces.seen(PubSub(self._access, project=self._settings.project), "pubsub", publishes=True)

    @cached_property
    def compute(self) -> Compute:
        from poolwright.adapters.compute import ComputeEngine

        return traces.seen(ComputeEngine(self._access), "compute")

    @cached_property
    def gke(self) -> Gke:
        return traces.seen(self._engine, "gke")

    @cached_property
    def cloud_build(self) -> CloudBuild:
        from poolwright.adapters.cloud_build import CloudBuildApi

        return traces.seen(CloudBuildApi(self._access), "cloud_build")

    @cached_property
    def monitoring(self) -> Monitoring:
        from poolwright.adapters.monitoring import CloudMonitoring

        return traces.seen(CloudMonitoring(self._access), "monitoring")

    @cached_property
    def clusters(self) -> Clusters:
        from poolwright.adapters.kubernetes import ControlPlanes

        planes = ControlPlanes(self._engine.control_plane, token=self._access.token)
        return traces.seen(planes, "kubernetes", opens="kubernetes")

    @cached_property
    def clock(self) -> Clock:
        from poolwright.adapters.clock import SystemClock

        return SystemClock()

    @cached_property
    def webhook(self) -> Webhook:
        from poolwright.adapters.webhook import SlackWebhook

        return traces.seen(SlackWebhook(), "webhook")

    @cached_property
    def _engine(self) -> KubernetesEngine:
        from poolwright.adapters.gke import KubernetesEngine

        return KubernetesEngine(self._access)

    @cached_property
    def _access(self) -> GoogleAccess:
        from poolwright.adapters.google_access import GoogleAccess

        return GoogleAccess(self._settings.endpoints)
