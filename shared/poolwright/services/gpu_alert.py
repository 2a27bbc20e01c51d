"""A GPU utilization alert opened or closed: the provisioner that its policy names is looked at.

Incidents come in storms: one for each node, opened and closed again. Of those that come within COVERED_SECONDS at one
provisioner the first asks for a look. The others are recorded, one write each, and neither asked for nor told: what
they claim is not used, and whatever came after that look the next tick sees.
"""

from __future__ import annotations

from poolwright import environments
from poolwright.entries import Entry
from poolwright.events.incident import Incident
from poolwright.references import ClusterRef
from poolwright.services import records
from poolwright.services.ports import Conflict, Ports
from poolwright.services.work import provisioner_work, publish
from poolwright.verdicts import Refused

HINTS = "hints"
COVERED_SECONDS = 60.0  # as long as a tick takes to come


def handle(event: Incident, ports: Ports) -> str:
    """Ask for a step on the provisioner, unless that was done a moment ago. Refused, Weather."""
    state = "opened" if event.open else "closed"
    refs = _meant(ports, event)
    asked = []
    for ref in refs:
        environment = environments.of_cluster(ports.environments, ref)
        entry = Entry(
            kind="alert",
            environment=environment.name if environment else "",
            subject=f"{ref}/nodeProvisioners/{event.provisioner}",
            what=f"alert {state}: {event.policy}",
            cause=f"{event.subscription} {event.incident_id}",
            at=ports.clock.now(),
        )
        if not _is_first(ports, event, entry):
            records.note(ports, entry)
            continue
        asked.append(str(ref))
        publish(ports, provisioner_work(ref, event.provisioner, cause=f"alert {event.incident_id} {state}"))
        records.ensure(ports, entry)
    if not asked:
        return f"provisioner {event.provisioner} was asked to be looked at within the last minute"
    return f"provisioner {event.provisioner} of {', '.join(asked)} to look at"


def _is_first(ports: Ports, event: Incident, entry: Entry) -> bool:
    """Whether this message is the one that asks; it is so again where it comes a second time."""
    stored = ports.store.get(HINTS, entry.subject)
    if stored and entry.at - stored.body["at"] < COVERED_SECONDS:
        return bool(stored.body["by"] == event.message_id)
    try:
        body = {"at": entry.at, "by": event.message_id}
        ports.store.put(HINTS, entry.subject, body, version=stored.version if stored else None)
    except Conflict:
        return False  # another one asks
    return True


def _meant(ports: Ports, event: Incident) -> list[ClusterRef]:
    """The cluster that the policy's labels name. They leave the project out, and the incident's own may only be the one
    that watches others; so clusters of several projects may be meant, and each is looked at. Refused."""
    known = [ref for environment in ports.environments for ref in environment.cluster_refs()]
    found = [ref for ref in known if (ref.location, ref.name) == (event.location, event.cluster)]
    if not found:
        raise Refused(
            "incident.policy_user_labels",
            f"no environment has cluster {event.cluster} in {event.location}",
            "Correct poolwright_cluster and poolwright_location of the alert policy, or add it to environments/",
        )
    return [ref for ref in found if ref.project == event.project] or found
