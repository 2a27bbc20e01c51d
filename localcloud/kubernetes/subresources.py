"""Subresources that are not plain parts of their object: binding, eviction, log, scale, token, and the reviews."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.kubernetes import errors
from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.kinds import Kind
from localcloud.kubernetes.objects import Objects, Options

Json = dict[str, Any]

USER: Json = {"username": "localcloud-admin", "groups": ["system:masters", "system:authenticated"]}
SUCCESS: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def bind(objects: Objects, pod: Json, binding: Json, options: Options) -> Json:
    """Assign a pod to a node, as a scheduler does; 409 when it has one."""
    node, meta = (binding.get("target") or {}).get("name"), pod["metadata"]
    if not node:
        raise errors.invalid("", "Binding", meta["name"], [errors.required("target.name")])
    if current := pod["spec"].get("nodeName"):
        why = f'pod {meta["name"]} is already assigned to node "{current}"'
        raise errors.conflict("", "pods/binding", meta["name"], why)
    if "deletionTimestamp" in meta:
        why = f"pod {meta['name']} is being deleted, cannot be assigned to a host"
        raise errors.conflict("", "pods/binding", meta["name"], why)
    if not options.dry_run:
        bound = copy.deepcopy(pod)
        bound["spec"]["nodeName"] = node
        condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None,
                     "lastTransitionTime": timestamp(objects.now())}  # fmt: skip
        set_condition(bound["status"], condition)
        objects.store.put("pods", bound)
    return SUCCESS


def set_condition(status: Json, condition: Json) -> None:
    """Put a condition over the one of its type; its transition time moves only when its status does."""
    conditions: list[Json] = [dict(c) for c in status.get("conditions") or ()]
    for index, old in enumerate(conditions):
        if old["type"] == condition["type"]:
            if old["status"] == condition["status"] and "lastTransitionTime" in old:
                condition = {**condition, "lastTransitionTime": old["lastTransitionTime"]}
            conditions[index] = condition
            break
    else:
        conditions.append(condition)
    status["conditions"] = conditions


def log(pod: Json, container: str) -> str:
    """What a container wrote: nothing, said honestly; 400 while it has not started."""
    name = pod["metadata"]["name"]
    names = [c["name"] for c in pod["spec"]["containers"]]
    if not container and len(names) > 1:
        raise errors.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        )
    container = container or names[0]
    if container not in names:
        raise errors.bad_request(f"container {container} is not valid for pod {name}")
    if not pod["spec"].get("nodeName"):
        return ""
    if pod["status"].get("phase") == "Pending":
        raise errors.bad_request(f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating')
    return f"localcloud: container {container} of pod {name} is simulated; no process runs, so it writes no log.\n"


def scale_of(kind: Kind, obj: Json) -> Json:
    """The Scale of a workload, or of a custom resource that declares where its replicas stand."""
    paths = ((kind.custom or {}).get("subresources") or {}).get("scale") or {
        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
    }  # fmt: skip
    meta = {k: obj["metadata"][k] for k in _SCALE_METADATA if k in obj["metadata"]}
    status: Json = {"replicas": _at(obj, paths["statusReplicasPath"]) or 0}
    selector = _selector_text((obj.get("spec") or {}).get("selector") or {}) if kind.custom is None else ""
    if selector:
        status["selector"] = selector
    replicas = _at(obj, paths["specReplicasPath"]) or 0
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": {"replicas": replicas},
        "status": status,
    }  # fmt: skip


_SCALE_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scaled(kind: Kind, obj: Json, scale: Json) -> Json:
    """The object with the replicas that a Scale asks for."""
    paths = ((kind.custom or {}).get("subresources") or {}).get("scale") or {"specReplicasPath": ".spec.replicas"}
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        problem = errors.invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")
        raise errors.invalid("autoscaling", "Scale", obj["metadata"]["name"], [problem])
    result = copy.deepcopy(obj)
    *parents, last = paths["specReplicasPath"].lstrip(".").split(".")
    at = result
    for step in parents:
        at = at.setdefault(step, {})
    at[last] = replicas
    if version := (scale.get("metadata") or {}).get("resourceVersion"):
        result["metadata"]["resourceVersion"] = version
    return result


def _at(obj: Any, path: str) -> Any:
    for step in path.lstrip(".").split("."):
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


def _selector_text(selector: Json) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items()))


def review(kind: Kind, body: Json) -> Json:
    """The answer to a review: everybody is the stand-in's administrator and may do everything."""
    answer = {**body, "kind": kind.kind, "apiVersion": kind.api_version}
    answer.setdefault("metadata", {})
    if kind.kind == "SelfSubjectReview":
        answer["status"] = {"userInfo": USER}
    elif kind.kind == "TokenReview":
        answer["status"] = {"authenticated": True, "user": USER}
    elif kind.kind == "SelfSubjectRulesReview":
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        answer["status"] = {
            "incomplete": False, "resourceRules": [everything],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        }  # fmt: skip
    else:
        answer["status"] = {"allowed": True}
    return answer


def token(objects: Objects, account: Json, body: Json) -> Json:
    """A TokenRequest: the stand-in checks no tokens, so its tokens only name whom they stand for."""
    seconds = int((body.get("spec") or {}).get("expirationSeconds") or 3600)
    name = f"{account['metadata']['namespace']}:{account['metadata']['name']}"
    status = {"token": f"localcloud:{name}", "expirationTimestamp": timestamp(objects.now() + seconds)}
    spec = {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": seconds, **(body.get("spec") or {})}
    version = "authentication.k8s.io/v1"
    return {"kind": "TokenRequest", "apiVersion": version, "metadata": {}, "spec": spec, "status": status}
