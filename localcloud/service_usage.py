"""Service Usage: every API that the stand-in serves is enabled. gcloud asks before it creates a cluster.

https://cloud.google.com/service-usage/docs/reference/rest/v1/services

`serviceusage.services`: {name: ENABLED or DISABLED} of others, and against the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from localcloud.errors import GoogleError
from localcloud.plain import Json, PlainApi
from localcloud.projects import project_numbers
from localcloud.world import World

HOST = "serviceusage.googleapis.com"
TABLE = "serviceusage.services"
_PATH = r"/v1/projects/(?P<project>[^/:]+)/services"
_SERVICES, _WRITTEN = f"GET {_PATH}", f"POST {_PATH}"
_MOST, _MOST_ENABLED = 30, 20  # of a batch
_DONE = {"name": "operations/noop.DONE_OPERATION", "done": True}


class ServiceUsage(PlainApi):
    """The host; `served` are the hosts of the stand-in. 501 for what disables."""

    def __init__(self, world: World, served: Iterable[str]) -> None:
        routes = {
            _SERVICES: ("services.List", self._list),
            _SERVICES + "/(?P<name>[^/:]+)": ("services.Get", self._get),
            _SERVICES + ":batchGet": ("services.BatchGet", self._batch),
            _WRITTEN + ":batchEnable": ("services.BatchEnable", self._enable_all),
            _WRITTEN + "/(?P<name>[^/:]+):enable": ("services.Enable", self._enable),
        }
        super().__init__(world, HOST, routes)
        self._served = served

    def _get(self, found: re.Match[str], params: Json) -> Json:
        return self._service(self._number(found), found["name"])

    def _list(self, found: re.Match[str], params: Json) -> Json:
        number = self._number(found)
        names = {*self._served, *self._world.table(TABLE)}
        return {"services": [self._service(number, each) for each in sorted(names)]}

    def _batch(self, found: re.Match[str], params: Json) -> Json:
        number, names = self._number(found), params.get("names", [])
        if not 1 <= len(names) <= _MOST:
            raise GoogleError("INVALID_ARGUMENT", f"The number of names must be from 1 to {_MOST}.")
        return {"services": [self._service(number, name.rpartition("/")[2]) for name in names]}

    def _enable(self, found: re.Match[str], params: Json) -> Json:
        number = self._number(found)
        self._world.table(TABLE)[found["name"]] = "ENABLED"
        return _DONE | {"response": {"service": self._service(number, found["name"])}}

    def _enable_all(self, found: re.Match[str], params: Json) -> Json:
        number, names = self._number(found), params.get("serviceIds", [])
        if not 1 <= len(names) <= _MOST_ENABLED:
            raise GoogleError("INVALID_ARGUMENT", f"The number of names must be from 1 to {_MOST_ENABLED}.")
        self._world.table(TABLE).update(dict.fromkeys(names, "ENABLED"))
        return _DONE | {"response": {"services": [self._service(number, name) for name in names]}}

    def _number(self, found: re.Match[str]) -> str:
        numbers = project_numbers(self._world)
        number = numbers.get(found["project"], found["project"])
        if number not in numbers.values():
            raise GoogleError("PERMISSION_DENIED", f"Permission denied to get service [{found['project']}]")
        return number

    def _service(self, number: str, name: str) -> Json:
        parent = f"projects/{number}"
        state = self._world.table(TABLE).get(name, "ENABLED" if name in self._served else "DISABLED")
        return {"name": f"{parent}/services/{name}", "config": {"name": name}, "state": state, "parent": parent}
