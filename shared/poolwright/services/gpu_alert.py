"""A GPU utilization alert opened or closed: the provisioner that its policy names is looked at."""

from __future__ import annotations

from poolwright import environments
from poolwright.events.incident import Incident
from poolwright.references import ClusterRef
from poolwright.services.ports import Ports
from poolwright.services.records import record
from poolwright.services.work import provisioner_work, publish
from poolwright.verdicts import Refused


def handle(event: Incident, ports: Ports) -> str:
    """Ask for a step on the provisioner. What the alert claims of utilization is not used. Refused, Weather."""
    state = "opened" if event.open else "closed"
    refs = _meant(ports, event)
    for ref in refs:
        environment = environments.of_cluster(ports.environments, ref)
        publish(ports, provisioner_work(ref, event.provisioner, cause=f"alert {event.incident_id} {state}"))
        record(
            ports,
            kind="alert",
            environment=environment.name if environment else "",
            subject=f"{ref}/nodeProvisioners/{event.provisioner}",
            what=f"alert {state}: {event.policy}",
            cause=f"{event.subscription} {event.incident_id}",
        )
    return f"provisioner {event.provisioner} of {', '.join(map(str, refs))} to look at"


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
