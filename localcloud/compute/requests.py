"""What every call of Compute goes through: a known project, its rate quota, and a `requestId` that makes a write happen
once."""

from __future__ import annotations

import hashlib
import inspect
import json
import uuid

from localcloud.compute.places import Places
from localcloud.compute.rate_quotas import RateQuotas
from localcloud.compute.references import path_in
from localcloud.compute.refusals import invalid
from localcloud.compute.resources import Resources
from localcloud.dispatch import Answer, Call, Handler


class Requests:
    """The gate in front of the handlers."""

    def __init__(self, resources: Resources, places: Places) -> None:
        self._resources = resources
        self._places = places
        self._quotas = RateQuotas(resources)

    def guarded(self, handler: Handler) -> Handler:
        """The handler behind the gate."""

        async def handle(call: Call) -> Answer:
            self._places.check_project(call.params)
            self._quotas.charge(call)
            identity = call.params.get("requestId", "")
            if identity:
                known = self._known(identity, call)
                if known is not None:
                    return known
            answer = handler(call)
            answer = await answer if inspect.isawaitable(answer) else answer
            if identity and answer.get("kind") == "compute#operation":
                self._resources.table("requests")[self._key(identity, call)] = [
                    path_in(answer["selfLink"]),
                    _content(call),
                ]
            return answer

        return handle

    def _known(self, identity: str, call: Call) -> Answer | None:
        try:
            valid = uuid.UUID(identity).int != 0 and len(identity) == 36
        except ValueError:
            valid = False
        if not valid:
            raise invalid("requestId", identity, "The request ID must be a valid UUID other than the zero UUID.")
        noted = self._resources.table("requests").get(self._key(identity, call))
        if noted is None:
            return None
        path, content = noted
        if content != _content(call):
            raise invalid("requestId", identity, "The request ID was already used for a different request.")
        return self._resources.find(path)

    def _key(self, identity: str, call: Call) -> str:
        return f"{call.params['project']}/{identity.lower()}"


def _content(call: Call) -> str:
    rest = {name: value for name, value in call.params.items() if name != "requestId"}
    whole = [call.method.service, call.method.name, rest, call.raw_body]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
