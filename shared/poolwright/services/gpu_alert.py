"""A GPU utilization alert opened or closed: the provisioner that its policy names is looked at."""

from __future__ import annotations

from poolwright.events.incident import Incident
from poolwright.references import ClusterRef
from poolwright.services.ports import Ports
from poolwright.services.records import record
from poolwright.services.work import provisioner_work, publish
from poolwright.verdicts import Refused


def handle(event: Incident, ports: Ports) -> str:
    """Ask for a step on the provisioner. What the alert claims of utilization is not used. Refused, Weather."""
    ref = _managed(ports, event)
    state = "opened" if event.open else "closed"
    publish(ports, provisioner_work(ref, event.provisioner, cause=f"alert {event.incident_id} {state}"))
    record(
        ports,
        kind="alert",
        subject=f"{ref}/nodeProvisioners/{event.provisioner}",
        what=f"alert {state}: {event.policy}",
        cause=f"{event.subscription} {event.incident_id}",
    )
    return f"provisioner {event.provisioner} of {ref} to look at"


def _managed(ports: Ports, event: Incident) -> ClusterRef:
    for environment in ports.environments:
        for ref in environment.cluster_refs():
            if (ref.location, ref.name) == (event.location, event.cluster):
                return ref
    raise Refused(
        "incident.policy_user_labels",
        f"no environment has cluster {event.cluster} in {event.location}",
        "Correct poolwright_cluster and poolwright_location of the alert policy, or add the cluster to environments/",
    )
