"""What a deployed function is told by its environment variables. Each has a default that suits a laptop or Google.

| variable | meaning | default |
|---|---|---|
| POOLWRIGHT_ENVIRONMENTS | folder of environment files | `environments` beside the code |
| POOLWRIGHT_BUILD_CONFIGS | folder of build configs | `cloudbuild` beside the code, or the wheel's own |
| POOLWRIGHT_PROJECT | project of topics and store | GOOGLE_CLOUD_PROJECT |
| POOLWRIGHT_STORE | `firestore:DATABASE` or `sqlite:PATH` | `firestore:(default)` |
| POOLWRIGHT_ENDPOINTS | JSON, Google host name -> URL, for a stand-in | `{}` |
| POOLWRIGHT_WORK_TOPIC, POOLWRIGHT_NOTIFICATIONS_TOPIC | names of our topics | `work`, `notifications` |
| POOLWRIGHT_DEAD_LETTER_TOPIC | where what is refused goes | `dead-letter` |
| POOLWRIGHT_IAP_AUDIENCE | whom Identity-Aware Proxy's tokens must be for; the status page then checks them | none |
| POOLWRIGHT_LOG_LEVEL | DEBUG, INFO, WARNING, ERROR | INFO |
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_CARRIED = Path(__file__).with_name("cloudbuild")  # by the wheel, which is installed beside nothing
_BUILD_CONFIGS = _CARRIED if _CARRIED.is_dir() else Path("cloudbuild")


class BadSetting(Exception):
    """A variable that cannot be used; the text says which and what would do."""


@dataclass(frozen=True)
class Settings:
    """The variables, read once."""

    project: str
    environments: Path
    store: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    work_topic: str = "work"
    notifications_topic: str = "notifications"
    dead_letter_topic: str = "dead-letter"
    build_configs: Path = Path("cloudbuild")
    iap_audience: str = ""

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """From the process's variables. BadSetting."""
        project = variables.get("POOLWRIGHT_PROJECT") or variables.get("GOOGLE_CLOUD_PROJECT", "")
        if not project:
            raise BadSetting("POOLWRIGHT_PROJECT is not set; give the id of the project that holds our topics")
        store = variables.get("POOLWRIGHT_STORE", "firestore:(default)")
        if store.partition(":")[0] not in ("firestore", "sqlite"):
            raise BadSetting(f"POOLWRIGHT_STORE is {store!r}; use firestore:DATABASE or sqlite:PATH")
        try:
            endpoints = json.loads(variables.get("POOLWRIGHT_ENDPOINTS", "{}"))
        except ValueError as wrong:
            raise BadSetting(f"POOLWRIGHT_ENDPOINTS is no JSON object: {wrong}") from None
        return cls(
            project=project,
            environments=Path(variables.get("POOLWRIGHT_ENVIRONMENTS", "environments")),
            store=store,
            endpoints=endpoints,
            work_topic=variables.get("POOLWRIGHT_WORK_TOPIC", "work"),
            notifications_topic=variables.get("POOLWRIGHT_NOTIFICATIONS_TOPIC", "notifications"),
            dead_letter_topic=variables.get("POOLWRIGHT_DEAD_LETTER_TOPIC", "dead-letter"),
            build_configs=Path(variables.get("POOLWRIGHT_BUILD_CONFIGS", _BUILD_CONFIGS)),
            iap_audience=variables.get("POOLWRIGHT_IAP_AUDIENCE", ""),
        )
