"""Whatever a client sends: it is stored or refused, and the cluster goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.kubernetes import STRATEGIC_PATCH, ApiError, KubernetesApi
from localcloud.kubernetes.kinds import BUILT_IN
from localcloud.kubernetes.patches import APPLY_PATCH, JSON_PATCH, MERGE_PATCH
from localcloud.kubernetes.schema import Schemas
from tests.contract.kubernetes.clusters import Clock, Served, budget_body, definition_body, node_body, pod_body

Json = dict[str, Any]

SCHEMAS = Schemas()
STORED = [kind for kind in BUILT_IN if "get" in kind.verbs]


def values(schema: Json, depth: int = 5) -> st.SearchStrategy[Any]:
    """Mostly well-typed values of a schema, of few fields each, and sometimes something else."""
    schema = SCHEMAS.resolve(schema)
    odd: st.SearchStrategy[Any] = st.sampled_from([None, "", "x", 0, -1, 7, True, [], {}, "1Gi", "50%", "1e", "In"])
    kind = schema.get("type")
    if kind == "object" and depth:
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        fixed = {name: values(inner, depth - 1) for name, inner in properties.items() if name != "metadata"}
        required = {name: fixed[name] for name in schema.get("required") or () if name in fixed}
        if fixed:
            few = st.lists(st.sampled_from(sorted(fixed)), max_size=3, unique=True)
            return few.flatmap(lambda names: st.fixed_dictionaries({**required, **{n: fixed[n] for n in names}})) | odd
        inner = values(extra, depth - 1) if isinstance(extra, dict) else odd
        return st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    if kind == "array" and depth:
        return st.lists(values(schema["items"], depth - 1), max_size=2) | odd
    return odd


def attempt(cluster: KubernetesApi, verb: str, *arguments: Any, **named: Any) -> None:
    """Do it, or be refused in the API's own way."""
    try:
        getattr(cluster, verb)(*arguments, **named)
    except ApiError as refused:
        assert 400 <= refused.code < 500, refused.message
        assert refused.message


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.key)
@settings(max_examples=12)
@given(data=st.data())
def test_no_object_and_no_patch_breaks_the_cluster(kind: Any, data: st.DataObject) -> None:
    clock = Clock()
    cluster = KubernetesApi(now=clock, tables={})
    cluster.create("nodes", node_body("n1", gpus=1))
    body = data.draw(values(SCHEMAS.of(kind)))
    body = dict(body) if isinstance(body, dict) else {}
    patch = data.draw(values(SCHEMAS.of(kind)))
    media = data.draw(st.sampled_from([MERGE_PATCH, STRATEGIC_PATCH, JSON_PATCH, APPLY_PATCH]))
    for key in ("apiVersion", "kind"):
        body.pop(key, None)
    name = "widgets.example.com" if kind.plural == "customresourcedefinitions" else "x"
    attempt(cluster, "create", kind.key, {**body, "metadata": {"name": name}})
    cluster.reconcile()
    namespace = "default" if kind.namespaced else ""
    if isinstance(patch, dict):
        attempt(cluster, "patch", kind.key, name, patch, namespace, media=media)
        attempt(cluster, "patch", kind.key, name, {"status": patch.get("status")}, namespace, subresource="status")
    for _ in range(3):
        clock.now += 400
        cluster.reconcile()
    attempt(cluster, "delete", kind.key, name, namespace)
    cluster.reconcile()


@settings(max_examples=60)
@given(st.recursive(st.none() | st.integers() | st.text(max_size=2), lambda i: st.lists(i) | st.dictionaries(
    st.sampled_from(["spec", "size", "parts", "id", "status", "metadata", "labels"]), i), max_leaves=9))  # fmt: skip
def test_no_custom_object_breaks_the_cluster(body: Any) -> None:
    cluster = KubernetesApi(now=Clock(), tables={})
    cluster.create("customresourcedefinitions.apiextensions.k8s.io", definition_body())
    whole = {"metadata": {"name": "w"}, **(body if isinstance(body, dict) else {"spec": body})}
    attempt(cluster, "create", "widgets.example.com", whole)
    cluster.reconcile()


def test_a_condition_without_a_type_is_refused(cluster: KubernetesApi) -> None:
    cluster.create("nodes", node_body("n1"))
    with pytest.raises(ApiError, match=r"status\.conditions\[0\]\.type: Required value"):
        cluster.patch("nodes", "n1", {"status": {"conditions": [{"status": "True"}]}}, subresource="status")
    cluster.reconcile()


@pytest.mark.parametrize("value", ["", "half", "-1%", -1])
def test_a_share_is_a_count_or_a_percentage(cluster: KubernetesApi, value: Any) -> None:
    with pytest.raises(ApiError, match=r"spec\.maxUnavailable: Invalid value"):
        cluster.create("poddisruptionbudgets.policy", budget_body("b", maxUnavailable=value))


BAD_REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/api/v1/pods?limit=many", None),
    ("GET", "/api/v1/pods?watch=1&timeoutSeconds=long", None),
    ("GET", "/api/v1/pods?labelSelector=a%3D%3D%3Db(", None),
    ("DELETE", "/api/v1/namespaces/default/pods/p?gracePeriodSeconds=soon", None),
    ("DELETE", "/api/v1/namespaces/default/pods/p", {"preconditions": 1}),
    ("DELETE", "/api/v1/namespaces/default/pods/p", [1]),
    ("POST", "/api/v1/namespaces/default/pods/p/eviction", {"metadata": 1}),
    ("POST", "/api/v1/namespaces/default/pods/p/eviction", {"deleteOptions": []}),
    ("POST", "/api/v1/namespaces/default/pods/p/binding", {"target": "n1"}),
    ("POST", "/api/v1/namespaces/default/pods", [1]),
    ("PUT", "/api/v1/namespaces/default/pods/p", {"metadata": "p"}),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": 3}),
]


def test_a_watch_begins_at_a_number(embedded: Served) -> None:
    assert embedded.request("GET", "/api/v1/pods?watch=1&resourceVersion=new")[0] == 400  # a real one says 500


@pytest.mark.parametrize(("method", "path", "body"), BAD_REQUESTS)
def test_nonsense_in_a_request_is_a_bad_request(served: Served, method: str, path: str, body: Any) -> None:
    served.call(lambda api: api.create("pods", pod_body("p")))
    code, status = served.request(method, path, body)
    assert (code, status["reason"], status["kind"]) == (400, "BadRequest", "Status")
    assert served.request("GET", "/api/v1/namespaces/default/pods/p")[0] == 200
