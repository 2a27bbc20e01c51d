"""IAM policies of topics, subscriptions and snapshots: kept, not enforced."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.pubsub.names import not_found, resource_name
from localcloud.world import World


class Policies:
    """google.iam.v1.IAMPolicy on the table `pubsub.policies`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def GetIamPolicy(self, call: Call) -> Answer:
        name = self._existing(call)
        policy: dict[str, Any] = self._world.table("pubsub.policies").get(name, {"etag": "ACAB"})
        return policy

    def SetIamPolicy(self, call: Call) -> Answer:
        name = self._existing(call)
        policy = dict(call.params.get("policy", {}))
        current = self._world.table("pubsub.policies").get(name, {"etag": "ACAB"})
        if policy.pop("etag", current["etag"]) != current["etag"]:
            raise GoogleError(
                "ABORTED",
                "There were concurrent policy changes. "
                "Please retry the whole read-modify-write with exponential backoff.",
            )
        count = self._world.number("pubsub.policy")
        digest = hashlib.sha256(f"{count}{json.dumps(policy)}".encode()).digest()
        policy["etag"] = base64.b64encode(digest[:9]).decode()
        self._world.table("pubsub.policies")[name] = policy
        return policy

    def TestIamPermissions(self, call: Call) -> Answer:
        self._existing(call)
        return {"permissions": call.params.get("permissions", [])}

    def _existing(self, call: Call) -> str:
        resource = call.params.get("resource", "")
        kind = resource.split("/")[2] if resource.count("/") == 3 else ""
        if kind not in ("topics", "subscriptions", "snapshots"):
            raise GoogleError("UNIMPLEMENTED", f"The local stand-in keeps no policy of {resource}.")
        name = resource_name(self._world, kind, resource)
        if name not in self._world.table(f"pubsub.{kind}"):
            raise not_found(name)
        return name
