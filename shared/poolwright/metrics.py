"""What is counted and measured: one log line a fact, under a closed set of names and labels, from which log-based
metrics are made (terraform/modules/poolwright/observability.tf; docs/observability.md lists them).

    {"severity": "INFO", "message": "metric wave: environment=dev verdict=passed",
     "metric": {"name": "wave", "environment": "dev", "verdict": "passed"}, ...}

A function here is a metric: its name is the metric's, its texts are the labels, its number is what is measured and
names the unit. Labels take few values: words of the code, or what environment files and clusters name; never an id of a
message, rollout or node, and nothing that somebody typed. A line that is lost is a fact that is not counted, and a step
that is taken again after a kill may be counted twice: nothing is decided by these.

https://cloud.google.com/logging/docs/logs-based-metrics/labels
"""

import logging
from typing import Literal

log = logging.getLogger(__name__)

Outcome = Literal["handled", "irrelevant", "busy", "refused", "failed"]
Action = Literal["grow", "shrink", "hold", "short", "working", "suspended", "refused"]
DrainEnd = Literal["deleted", "spared"]
Look = Literal["rollouts", "builds", "groups", "replacements", "retention", "provisioners", "closed nodes"]
On = Literal["released", "another", "GKE"]
Brake = Literal["stopped", "paused", "cluster", "node"]
Api = Literal["google", "kubernetes"]
ErrorKind = Literal["weather", "stale", "refused"]


def message(function: str, outcome: Outcome) -> None:
    """Messages that a function answered. Those that decoding found to be nobody's are not counted: there are many."""
    _write("message", function=function, outcome=outcome)


def record(environment: str, kind: str) -> None:
    """Records of the audit trail."""
    _write("record", environment=environment, kind=kind)


def rollout(environment: str, phase: str) -> None:
    """Rollouts that came to a phase."""
    _write("rollout", environment=environment, phase=phase)


def wave(environment: str, verdict: str) -> None:
    """Waves that ended."""
    _write("wave", environment=environment, verdict=verdict)


def gate(environment: str, gate: str) -> None:
    """Gates that failed a wave."""
    _write("gate", environment=environment, gate=gate)


def overdue(environment: str, phase: str, seconds: float) -> None:
    """How long ago a rollout should have moved, at each look at one that nobody made wait."""
    _write("overdue", seconds, environment=environment, phase=phase)


def fleet(environment: str, run: On, groups: float) -> None:
    """Instance groups that take boot images, by what they point at: the released run, another one, or GKE's own
    template."""
    _write("fleet", groups, environment=environment, run=run)


def drifting(environment: str, groups: float) -> None:
    """Instance groups that a tick found on something else than what is released."""
    _write("drifting", groups, environment=environment)


def held(environment: str, groups: float) -> None:
    """Instance groups that are kept off the released image after a roll-back or an abort, at each tick."""
    _write("held", groups, environment=environment)


def put_back(environment: str) -> None:
    """Instance groups found on the very GKE template that ours was made from: somebody put it back between upgrades."""
    _write("put_back", environment=environment)


def decision(provisioner: str, action: Action) -> None:
    """Looks at a NodeProvisioner, by what came of them. `short`: pods wait, and a group has nothing to give."""
    _write("decision", provisioner=provisioner, action=action)


def stockout(provisioner: str, group: str) -> None:
    """Times that a group had nothing to give, and is left alone for a while."""
    _write("stockout", provisioner=provisioner, group=group)


def drain(provisioner: str, outcome: DrainEnd) -> None:
    """Drains of a NodeProvisioner's nodes that ended; `spared` ones were given up and their nodes opened again."""
    _write("drain", provisioner=provisioner, outcome=outcome)


def unseen(environment: str, look: Look, cluster: str = "") -> None:
    """Looks that a tick went on without, for what they look at did not answer."""
    _write("unseen", environment=environment, look=look, cluster=cluster)


def brake(kind: Brake, place: str = "") -> None:
    """Looks that found poolwright stopped, a rollout of an environment paused, a cluster or a node of it suspended."""
    _write("brake", kind=kind, place=place)


def conflict(collection: str) -> None:
    """Writes to the store that somebody else was quicker with."""
    _write("conflict", collection=collection)


def error(api: Api, kind: ErrorKind) -> None:
    """Calls that an API did not answer as wanted. `weather`: try again later; `refused`: a repeat will not help."""
    _write("error", api=api, kind=kind)


def _write(name: str, value: float | None = None, /, **labels: str) -> None:
    measured = {} if value is None else {_UNITS[name]: round(value, 3)}
    told = " ".join(f"{label}={text}" for label, text in {**labels, **measured}.items())
    log.info("metric %s: %s", name, told, extra={"metric": {"name": name, **labels, **measured}})


_UNITS = {"overdue": "seconds", "fleet": "groups", "drifting": "groups", "held": "groups"}
