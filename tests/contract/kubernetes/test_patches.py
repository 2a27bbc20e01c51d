"""Patches: what each kind of them does to an object, and the laws they keep."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.kubernetes import ApiError, KubernetesApi
from localcloud.kubernetes.kinds import BUILT_IN
from localcloud.kubernetes.patches import APPLY_PATCH, STRATEGIC_PATCH, StrategicMerge, json_patch, merge_patch
from localcloud.kubernetes.schema import Schemas
from tests.contract.kubernetes.clusters import Served, node_body, pod_body, workload

Json = dict[str, Any]

SCHEMAS = Schemas()
DEPLOYMENT = SCHEMAS.of(next(kind for kind in BUILT_IN if kind.kind == "Deployment"))
NODE = SCHEMAS.of(next(kind for kind in BUILT_IN if kind.kind == "Node"))
POD = SCHEMAS.of(next(kind for kind in BUILT_IN if kind.kind == "Pod"))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(target=JSON, patch=JSON)
def test_a_merge_patch_twice_is_the_same_as_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(st.dictionaries(st.sampled_from("abc"), JSON), JSON)
def test_json_patch_add_then_remove_gives_back_the_object(obj: Json, value: Any) -> None:
    added = json_patch(obj, [{"op": "add", "path": "/new", "value": value}])
    assert added["new"] == value
    assert json_patch(added, [{"op": "test", "path": "/new", "value": value}, {"op": "remove", "path": "/new"}]) == obj


@pytest.mark.parametrize(
    "operation",
    [{"op": "remove", "path": "/none"}, {"op": "test", "path": "/a", "value": 2}, {"op": "jump", "path": "/a"}],
)
def test_an_impossible_json_patch_is_refused(operation: Json) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": 1}, [operation])
    assert refused.value.code == 422


def test_containers_merge_by_name_and_their_environment_too() -> None:
    old = workload("Deployment", "d")
    old["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    env = [{"name": "A", "value": "2"}, {"name": "B", "$patch": "delete"}, {"name": "C", "value": "3"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": env}, {"name": "side"}]}}}}
    containers = StrategicMerge(SCHEMAS)(DEPLOYMENT, old, patch)["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["main", "side"]
    assert containers[0]["image"] == "registry.example/app:1"
    assert containers[0]["env"] == [{"name": "A", "value": "2"}, {"name": "C", "value": "3"}]


def test_conditions_merge_by_type_and_taints_are_replaced_whole() -> None:
    """Kubernetes keeps node taints atomic: no merge key is on them."""
    old = {**node_body("n"), "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    new_taint = {"key": "b", "effect": "NoSchedule"}
    fresh = {"type": "GpuReady", "status": "True"}
    patch = {"spec": {"taints": [new_taint]}, "status": {"conditions": [fresh]}}
    merged = StrategicMerge(SCHEMAS)(NODE, old, patch)
    assert merged["spec"]["taints"] == [new_taint]
    assert [c["type"] for c in merged["status"]["conditions"]] == ["Ready", "GpuReady"]


def test_the_directives_of_kubectl_apply_are_obeyed() -> None:
    old = pod_body("p", volumes=[{"name": "v", "emptyDir": {}}], nodeSelector={"a": "1", "b": "2"})
    old["metadata"]["finalizers"] = ["x", "y"]
    patch = {
        "metadata": {"$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"]},
        "spec": {
            "nodeSelector": {"$patch": "replace", "c": "3"},
            "volumes": [{"$retainKeys": ["name", "configMap"], "name": "v", "configMap": {"name": "c"}}],
            "$setElementOrder/containers": [{"name": "new"}, {"name": "main"}],
            "containers": [{"name": "new", "image": "i"}],
        },
    }
    merged = StrategicMerge(SCHEMAS)(POD, old, patch)
    assert merged["metadata"]["finalizers"] == ["y", "z"]
    assert merged["spec"]["nodeSelector"] == {"c": "3"}
    assert merged["spec"]["volumes"] == [{"name": "v", "configMap": {"name": "c"}}]
    assert [c["name"] for c in merged["spec"]["containers"]] == ["new", "main"]


@given(st.lists(st.sampled_from("abc"), unique=True), st.lists(st.sampled_from("abcd"), unique=True))
def test_a_strategic_merge_twice_is_the_same_as_once(old: list[str], new: list[str]) -> None:
    def deployment(names: list[str]) -> Json:
        return {"spec": {"template": {"spec": {"containers": [{"name": n, "image": n} for n in names]}}}}

    merge = StrategicMerge(SCHEMAS)
    once = merge(DEPLOYMENT, deployment(old), deployment(new))
    assert merge(DEPLOYMENT, once, deployment(new)) == once


def test_a_strategic_patch_of_an_unknown_field_is_refused_under_strict(cluster: KubernetesApi) -> None:
    cluster.create("pods", pod_body("p"))
    with pytest.raises(ApiError, match=r'unknown field "spec\.colour"'):
        cluster.patch("pods", "p", {"spec": {"colour": "red"}}, "default", media=STRATEGIC_PATCH)


MAPS = "/api/v1/namespaces/default/configmaps"


def apply(served: Served, manager: str, data: Json, *, force: bool = False) -> tuple[int, Json]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
    path = f"{MAPS}/c?fieldManager={manager}&force={str(force).lower()}"
    return served.request("PATCH", path, body, content=APPLY_PATCH)


def test_apply_creates_updates_and_removes_what_its_manager_leaves_out(served: Served) -> None:
    code, made = apply(served, "one", {"a": "1", "b": "1"})
    assert code == 201
    assert [(e["manager"], e["operation"]) for e in made["metadata"]["managedFields"]] == [("one", "Apply")]
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}
    code, changed = apply(served, "one", {"a": "2"})
    assert (code, changed["data"]) == (200, {"a": "2"})


def test_apply_of_a_field_of_somebody_else_is_a_conflict_until_forced(served: Served) -> None:
    apply(served, "one", {"a": "1"})
    code, status = apply(served, "two", {"a": "2"})
    assert (code, status["reason"]) == (409, "Conflict")
    assert status["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    assert status["details"]["causes"] == [cause]
    code, forced = apply(served, "two", {"a": "2"}, force=True)
    assert (code, forced["data"]) == (200, {"a": "2"})
    assert [e["manager"] for e in forced["metadata"]["managedFields"]] == ["two"]


def test_apply_of_the_same_again_changes_nothing(served: Served) -> None:
    _, first = apply(served, "one", {"a": "1"})
    assert apply(served, "one", {"a": "1"})[1] == first


def test_apply_names_its_manager(served: Served) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    code, status = served.request("PATCH", f"{MAPS}/c", body, content=APPLY_PATCH)
    assert (code, status["details"]["causes"][0]["field"]) == (422, "fieldManager")
