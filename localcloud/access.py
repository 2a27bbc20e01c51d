"""Who may call what: roles that the stand-in holds an identity to, as Google does, once it is told of them.

What a method asks for stands in `access.yaml`, with Google's page for each line. An identity without a role may do
all, as the owner of a project may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from localcloud.errors import GoogleError

FILE = Path(__file__).with_name("access.yaml")


@dataclass(frozen=True, order=True)
class Need:
    """A permission; `on` is the last part of the resource that it is needed on, empty for the project itself."""

    permission: str
    on: str = ""

    def __str__(self) -> str:
        return f"{self.permission} on {self.on}" if self.on else self.permission

    @classmethod
    def parse(cls, text: str) -> Need:
        """As `str` says it."""
        permission, _, on = text.partition(" on ")
        return cls(permission, on)


@dataclass(frozen=True, order=True)
class Use:
    """An identity called a method (`images.Get`) and needed that for it."""

    identity: str
    method: str
    need: Need


@dataclass
class Access:
    """The roles in force; `uses` is all that identities with a role needed, `denied` what of it they had not.

    `whose` tells an access token's identity, the empty text where nobody knows it.
    """

    whose: Callable[[str], str] = field(default=lambda token: "")
    uses: list[Use] = field(default_factory=list)
    denied: list[Use] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    _roles: dict[str, frozenset[Need]] = field(default_factory=dict)

    def grant(self, identity: str, needs: Iterable[Need]) -> None:
        """From now on the identity may do this and nothing else."""
        self._roles[identity] = frozenset(needs)

    def shown(self) -> dict[str, Any]:
        """What identities with a role needed and had not, by identity and method, as JSON."""
        return {"uses": _by_method(self.uses), "denied": _by_method(self.denied), "unknown": sorted(self.unknown)}

    def check(self, authorization: str, *, host: str, method: str, params: dict[str, Any]) -> None:
        """PERMISSION_DENIED where the bearer's role lacks what the method asks for. A method that the table does not
        have is one of nobody's: it is refused to whoever has a role, and kept in `unknown`."""
        identity = self.whose(authorization.removeprefix("Bearer "))
        if identity not in self._roles:
            return
        if (needed := needs(host, method, params)) is None:
            self.unknown.add(f"{host} {method}")
            raise _denied(host, method)
        uses = [Use(identity, method, need) for need in needed]
        self.uses += uses
        missing = [use for use in uses if use.need not in self._roles[identity]]
        self.denied += missing
        if missing:
            raise _denied(host, missing[0].need.permission)


@cache
def table() -> dict[str, dict[str, Any]]:
    """`access.yaml`: host -> {"pages", "methods": method -> {"page", "needs", "with", "each"}}."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


def needs(host: str, method: str, params: dict[str, Any]) -> set[Need] | None:
    """What this request asks for; None for a method that the table does not have."""
    rule = table().get(host, {"methods": {}})["methods"].get(method)
    if rule is None:
        return None
    found = {Need(permission) for permission in rule.get("needs", ())}
    found |= {Need(permission) for path, permission in rule.get("with", {}).items() if list(_values(params, path))}
    for path, permission in rule.get("each", {}).items():
        found |= {Need(permission, str(value).rpartition("/")[2]) for value in _values(params, path)}
    return found


def _values(found: Any, path: str) -> Iterator[Any]:
    """What stands at a dotted path, of each item where there is a list on the way."""
    if isinstance(found, list):
        for each in found:
            yield from _values(each, path)
    elif not path:
        yield found
    elif isinstance(found, dict):
        first, _, rest = path.partition(".")
        if first in found:
            yield from _values(found[first], rest)


def _by_method(uses: Iterable[Use]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for use in sorted(set(uses)):
        found.setdefault(use.identity, {}).setdefault(use.method, []).append(str(use.need))
    return found


def _denied(host: str, permission: str) -> GoogleError:
    """https://cloud.google.com/iam/docs/permission-error-messages, and Compute's own words."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": host,
        "metadata": {"permission": permission},
    }
    if host == "compute.googleapis.com":
        text = f"Required '{permission}' permission"
        return GoogleError("PERMISSION_DENIED", text, reason="forbidden", details=[info])
    return GoogleError("PERMISSION_DENIED", f"Permission '{permission}' denied on resource", details=[info])
