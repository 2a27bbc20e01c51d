"""A chosen node emptied and deleted: cordon, evict, delete its instance; or spared, and opened again."""

from __future__ import annotations

import msgspec

from poolwright.capacity import draining
from poolwright.capacity.provisioner import Spec
from poolwright.references import last_part
from poolwright.services import leases
from poolwright.services.memory import Drain, Memory, save
from poolwright.services.observe_provisioner import Sight
from poolwright.services.ports import Kubernetes, Missing, Ports
from poolwright.services.records import record
from poolwright.services.work import Done


def go_on(ports: Ports, kubernetes: Kubernetes, sight: Sight, *, key: str, memory: Memory, spec: Spec) -> Done:
    """The drain's next step. leases.Held while a rollout has the group."""
    drain = memory.drain
    if drain is None:
        raise AssertionError("no drain is under way")
    if drain.group not in sight.groups:
        return _end(ports, key, memory, f"{drain.group} is no group of the provisioner any more")
    lease = leases.of_group(sight.groups[drain.group])
    leases.take(ports, lease, holder=key, seconds=leases.LONG_SECONDS)
    record(
        ports, kind="capacity", subject=key, what=f"to drain and delete {drain.node}", why=drain.reason,
        once=f"shrink {memory.sequence} decided",
    )  # fmt: skip
    done = _step(ports, kubernetes, sight, key=key, memory=memory, drain=drain, spec=spec)
    if done is None:
        return Done(f"{drain.node} is emptied: {drain.reason}", again=True)
    if not done.again:
        return done
    leases.give_back(ports, lease, holder=key)
    return done


def _step(
    ports: Ports, kubernetes: Kubernetes, sight: Sight, *, key: str, memory: Memory, drain: Drain, spec: Spec
) -> Done | None:
    """None: the next step can follow at once; `again` in the answer: the drain is over."""
    node = sight.nodes.get(drain.node)
    member = next(
        (each for each in sight.members.get(drain.group, []) if last_part(each["instance"]) == drain.node), None
    )
    if node is None or member is None:
        if drain.deleting:
            return _deleted(ports, key, memory, drain)
        return _end(ports, key, memory, f"{drain.node} is gone")
    pods = sight.pods.get(drain.node, [])
    now = ports.clock.now()
    step = draining.next_step(pods, began=drain.began, limit=spec.drain.timeout_seconds, now=now)
    if isinstance(step, draining.Spare):
        _open_again(kubernetes, drain.node)
        record(
            ports,
            kind="capacity",
            subject=key,
            what=f"spared {drain.node}",
            why=step.reason,
            once=f"spare {memory.sequence}",
        )
        return _end(ports, key, memory, f"{drain.node} is spared: {step.reason}")
    if not node.cordoned:
        kubernetes.cordon(drain.node, reason=key)
        return None
    if isinstance(step, draining.Evict):
        names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in step.pods)
        record(
            ports, kind="capacity", subject=key, what=f"asks pods of {drain.node} to leave: {names}", why=drain.reason,
            once=f"shrink {memory.sequence} evict {names}",
        )  # fmt: skip
        refused = [pod for pod in step.pods if not kubernetes.evict(pod)]
        return Done(f"{drain.node}: {len(step.pods) - len(refused)} pods asked to leave, {len(refused)} must not yet")
    if isinstance(step, draining.Wait):
        return Done(f"{drain.node}: {step.reason}")
    if not drain.deleting:
        drain = msgspec.structs.replace(drain, deleting=True)
        memory = save(ports, key, memory, drain=drain)
    ports.compute.delete_instances(sight.groups[drain.group], [member["instance"]], request_id=ports.clock.unique())
    return _deleted(ports, key, memory, drain)


def _deleted(ports: Ports, key: str, memory: Memory, drain: Drain) -> Done:
    record(
        ports, kind="capacity", subject=key, what=f"drained and deleted {drain.node}", why=drain.reason,
        once=f"shrink {memory.sequence}",
    )  # fmt: skip
    return _end(ports, key, memory, f"{drain.node} is drained and deleted: {drain.reason}")


def _open_again(kubernetes: Kubernetes, node: str) -> None:
    try:
        kubernetes.uncordon(node)
    except Missing:
        return


def _end(ports: Ports, key: str, memory: Memory, sentence: str) -> Done:
    save(ports, key, memory, drain=None, changed_at=ports.clock.now())
    return Done(sentence, again=True)
