"""What any client sees over HTTP: discovery, verbs, errors, lists, tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.kubernetes.clusters import (
    DEFINITIONS,
    WIDGETS,
    Served,
    budget_body,
    define_widgets,
    definition_body,
    eventually,
    node_body,
    pod_body,
    widget_body,
    workload,
)

Json = dict[str, Any]

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_discovery_lists_the_same_resources_in_both_forms(served: Served) -> None:
    aggregated = {
        (group["metadata"].get("name", ""), version["version"], resource["resource"])
        for path in ("/api", "/apis")
        for group in served.request("GET", path, accept=AGGREGATED)[1]["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }
    groups = served.request("GET", "/apis")[1]["groups"]
    documents = [("", "v1", "/api/v1")]
    documents += [(g["name"], v["version"], f"/apis/{v['groupVersion']}") for g in groups for v in g["versions"]]
    listed = {
        (group, version, resource["name"])
        for group, version, path in documents
        for resource in served.request("GET", path)[1]["resources"]
        if "/" not in resource["name"]
    }
    assert aggregated == listed
    assert ("apps", "v1", "deployments") in listed


def test_every_open_api_document_is_whole(served: Served) -> None:
    """Each reference leads somewhere, and each kind says what it is."""
    kinds = 0
    for place in served.request("GET", "/openapi/v3")[1]["paths"].values():
        document = served.request("GET", place["serverRelativeURL"])[1]
        schemas = document.get("components", {}).get("schemas")
        if schemas is None:  # a group that is only a list of its versions
            continue

        def references(value: Any) -> list[str]:
            if isinstance(value, list):
                return [name for item in value for name in references(item)]
            if not isinstance(value, dict):
                return []
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [name for item in value.values() for name in references(item)]

        missing = {r for r in references(document) if r.removeprefix("#/components/schemas/") not in schemas}
        assert missing == set()
        kinds += sum("x-kubernetes-group-version-kind" in schema for schema in schemas.values())
    assert kinds > 30


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_it_says_it_is_well(served: Served, path: str) -> None:
    with served.open(path) as response:
        assert response.read() == b"ok"


ERRORS: list[tuple[str, str, Json | None, int, str, str | None]] = [
    ("GET", PODS + "/none", None, 404, "NotFound", 'pods "none" not found'),
    ("GET", "/apis/apps/v1/namespaces/default/deployments/none", None, 404, "NotFound",
     'deployments.apps "none" not found'),
    ("GET", "/api/v1/nothings", None, 404, "NotFound", "the server could not find the requested resource"),
    ("PUT", PODS, {}, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
    ("POST", "/api/v1/namespaces/none/configmaps", config_map("c"), 404, "NotFound", 'namespaces "none" not found'),
    ("POST", MAPS, {"metadata": {}}, 422, "Invalid",
     'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'),
    ("POST", "/apis/apps/v1/namespaces/default/deployments", {"metadata": {"name": "d"}, "spec": {}}, 422, "Invalid",
     'Deployment.apps "d" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: '
     "null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]"),
    ("POST", "/apis/batch/v1/namespaces/default/jobs", {"metadata": {"name": "j"}, "spec": {}}, 422, "Invalid",
     'Job.batch "j" is invalid: [spec.template.spec.containers: Required value, spec.template.spec.restartPolicy: '
     'Required value: valid values: "OnFailure", "Never"]'),
    ("POST", MAPS, {"kind": "Pod", "metadata": {"name": "c"}}, 400, "BadRequest", None),
    ("GET", PODS + "?fieldSelector=spec.color=red", None, 400, "BadRequest",
     "field label not supported: spec.color"),
    ("GET", "/apis/apps/v1/nothings", None, 404, "NotFound", "the server could not find the requested resource"),
    ("GET", "/apis/apps/v9", None, 404, "NotFound", "the server could not find the requested resource"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "code", "reason", "message"), ERRORS)
def test_a_refusal_is_a_status_object_with_kubernetes_own_words(
    served: Served, method: str, path: str, body: Json | None, code: int, reason: str, message: str | None
) -> None:
    answered, status = served.request(method, path, body)
    assert (answered, status["code"], status["reason"]) == (code, code, reason)
    assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
    if message is not None:
        assert status["message"] == message


@pytest.mark.parametrize("path", ["/apis/none.example.com/v1/things", "/apis/none.example.com/v1", "/nowhere"])
def test_a_path_of_nobody_s_is_answered_in_plain_text(served: Served, path: str) -> None:
    assert served.request("GET", path) == (404, {"text": "404 page not found\n"})


def test_each_namespace_has_an_account_and_the_cluster_s_ca(served: Served) -> None:
    served.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    team = "/api/v1/namespaces/team"
    eventually(lambda: served.request("GET", f"{team}/serviceaccounts/default")[0] == 200)
    eventually(lambda: served.request("GET", f"{team}/configmaps/kube-root-ca.crt")[0] == 200)


def test_a_name_that_is_taken_is_refused(served: Served) -> None:
    assert served.request("POST", MAPS, config_map("c"))[0] == 201
    code, status = served.request("POST", MAPS, config_map("c"))
    assert (code, status["reason"], status["message"]) == (409, "AlreadyExists", 'configmaps "c" already exists')
    assert status["details"] == {"name": "c", "kind": "configmaps"}


def test_a_stale_update_is_a_conflict(served: Served) -> None:
    _, first = served.request("POST", MAPS, config_map("c", a="1"))
    served.request("PUT", f"{MAPS}/c", {**first, "data": {"a": "2"}})
    code, status = served.request("PUT", f"{MAPS}/c", {**first, "data": {"a": "3"}})
    assert (code, status["reason"]) == (409, "Conflict")
    assert status["message"] == (
        'Operation cannot be fulfilled on configmaps "c": the object has been modified; please apply your changes to '
        "the latest version and try again"
    )
    assert served.request("GET", f"{MAPS}/c")[1]["data"] == {"a": "2"}


def test_an_update_that_changes_nothing_is_no_new_version(served: Served) -> None:
    _, first = served.request("POST", MAPS, config_map("c", a="1"))
    assert served.request("PUT", f"{MAPS}/c", first)[1] == first


def test_a_generated_name_begins_as_asked(served: Served) -> None:
    names = {
        served.request("POST", MAPS, {"metadata": {"generateName": "run-"}})[1]["metadata"]["name"] for _ in range(5)
    }
    assert len(names) == 5
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_a_dry_run_answers_and_stores_nothing(served: Served) -> None:
    code, answer = served.request("POST", MAPS + "?dryRun=All", config_map("c"))
    assert (code, answer["metadata"]["name"]) == (201, "c")
    assert served.request("GET", f"{MAPS}/c")[0] == 404


def test_unknown_fields_are_dropped_or_refused_as_the_client_wishes(served: Served) -> None:
    body = {**pod_body("p"), "extra": 1}
    body["spec"]["containers"][0]["imagee"] = "x"
    code, status = served.request("POST", PODS + "?fieldValidation=Strict", body)
    assert code == 400
    assert status["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.containers[0].imagee", unknown field "extra"'
    )
    code, pod = served.request("POST", PODS, body)
    assert code == 201
    assert "extra" not in pod


def test_a_wrong_type_is_named_as_go_names_it(served: Served) -> None:
    body = workload("Deployment", "d")
    body["spec"]["replicas"] = "two"
    code, status = served.request("POST", "/apis/apps/v1/namespaces/default/deployments", body)
    assert code == 400
    assert status["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct '
        "field DeploymentSpec.spec.replicas of type int32"
    )


def test_bodies_may_be_yaml_and_must_be_known(served: Served) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {when: 2026-01-01}\n"
    assert served.request("POST", MAPS, text, content="application/yaml")[1]["data"] == {"when": "2026-01-01"}
    code, status = served.request("POST", MAPS, b"<x/>", content="text/xml")
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")
    assert served.request("POST", MAPS, b"{", content="application/json")[0] == 400
    assert served.request("GET", MAPS, accept="text/html")[0] == 406


def test_protobuf_is_read_and_answered_in_json(embedded: Served) -> None:
    """An Eviction as client-go sends it: envelope, type, then metadata {name: p, namespace: default}."""
    served = embedded
    served.request("POST", PODS, pod_body("p"))
    meta = b"\x0a\x01p\x1a\x07default"
    raw = b"\x0a" + bytes([len(meta)]) + meta
    kind = b"\x0a\x09policy/v1\x12\x08Eviction"
    body = b"k8s\x00\x0a" + bytes([len(kind)]) + kind + b"\x12" + bytes([len(raw)]) + raw
    accept = "application/vnd.kubernetes.protobuf,application/json"
    code, status = served.request(
        "POST", f"{PODS}/p/eviction", body, content="application/vnd.kubernetes.protobuf", accept=accept
    )
    assert (code, status["status"]) == (201, "Success")
    assert served.request("GET", f"{PODS}/p")[0] == 404


@pytest.mark.parametrize("body", [b"k8s\x00\xff", b"k8s\x00\x0a\x7f", b"nothing", b"k8s\x00\x12\x02\x0a\x7f"])
def test_broken_protobuf_is_a_bad_request(served: Served, body: bytes) -> None:
    code, status = served.request("POST", MAPS, body, content="application/vnd.kubernetes.protobuf")
    assert (code, status["reason"]) == (400, "BadRequest")


def test_lists_select_by_label_and_field(served: Served) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1", pool="gpu", zone="a")))
    served.call(lambda api: api.create("nodes", {**node_body("n2", pool="cpu"), "spec": {"unschedulable": True}}))

    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in served.request("GET", f"/api/v1/nodes?{query}")[1]["items"]]

    assert names("labelSelector=pool%3Dgpu") == ["n1"]
    assert names("labelSelector=pool+in+(gpu,cpu),zone") == ["n1"]
    assert names("labelSelector=pool!%3Dgpu") == ["n2"]
    assert names("labelSelector=!zone") == ["n2"]
    assert names("labelSelector=pool+notin+(gpu)") == ["n2"]
    assert names("fieldSelector=metadata.name%3Dn1") == ["n1"]
    assert names("fieldSelector=spec.unschedulable%3Dtrue") == ["n2"]
    assert names("fieldSelector=spec.unschedulable!%3Dtrue") == ["n1"]


def test_a_long_list_comes_in_pages_without_loss(served: Served) -> None:
    eventually(lambda: served.request("GET", f"{MAPS}/kube-root-ca.crt")[0] == 200)
    for number in range(6):
        served.request("POST", MAPS, config_map(f"c{number}"))
    seen: list[str] = []
    token = ""
    while True:
        page = served.request("GET", f"{MAPS}?limit=3&continue={token}")[1]
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
        assert page["metadata"]["remainingItemCount"] == 7 - len(seen)
    assert seen == [*(f"c{number}" for number in range(6)), "kube-root-ca.crt"]
    assert served.request("GET", f"{MAPS}?limit=3&continue=nonsense")[0] == 400


def test_a_table_has_the_columns_of_kubectl(served: Served) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    table = served.request("GET", "/api/v1/nodes", accept=TABLE)[1]
    assert table["kind"] == "Table"
    assert [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0] == [
        "Name", "Status", "Roles", "Age", "Version",
    ]  # fmt: skip
    assert table["rows"][0]["cells"][:3] == ["n1", "Ready", "<none>"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


COLUMNS = [
    ("/api/v1/pods", "Name Ready Status Restarts Age"),
    ("/api/v1/configmaps", "Name Data Age"),
    ("/api/v1/namespaces", "Name Status Age"),
    ("/api/v1/events", "Last Seen|Type|Reason|Object|Message"),
    ("/apis/apps/v1/deployments", "Name Ready Up-to-date Available Age"),
    ("/apis/apps/v1/replicasets", "Name Desired Current Ready Age"),
    ("/apis/apps/v1/daemonsets", "Name|Desired|Current|Ready|Up-to-date|Available|Node Selector|Age"),
    ("/apis/batch/v1/jobs", "Name Status Completions Duration Age"),
    ("/apis/policy/v1/poddisruptionbudgets", "Name|Min Available|Max Unavailable|Allowed Disruptions|Age"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "Name|Created At"),
]


@pytest.mark.parametrize(("path", "names"), COLUMNS)
def test_every_listed_kind_has_its_columns_and_a_cell_for_each(served: Served, path: str, names: str) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    served.call(lambda api: api.create("deployments.apps", workload("Deployment", "web", replicas=1)))
    served.call(lambda api: api.create("daemonsets.apps", workload("DaemonSet", "agent")))
    served.call(lambda api: api.create("poddisruptionbudgets.policy", budget_body("web", minAvailable=0)))
    served.call(lambda api: api.create("customresourcedefinitions.apiextensions.k8s.io", definition_body()))
    served.call(lambda api: api.create("configmaps", config_map("c")))
    job = {"template": {"spec": {**pod_body("x")["spec"], "restartPolicy": "Never"}}}
    served.call(lambda api: api.create("jobs.batch", {"metadata": {"name": "j"}, "spec": job}))
    table = eventually(lambda: rows_of(served.request("GET", path, accept=TABLE)[1]))
    shown = [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0]
    assert shown == names.split("|" if "|" in names else " ")
    assert {len(row["cells"]) for row in table["rows"]} == {len(table["columnDefinitions"])}


def rows_of(table: Json) -> Json | None:
    return table if table["rows"] else None


def test_a_watch_can_be_a_table_too(served: Served) -> None:
    served.call(lambda api: api.create("nodes", node_body("n1")))
    with served.open("/api/v1/nodes?watch=1&timeoutSeconds=1", headers={"Accept": TABLE}) as response:
        event = json.loads(response.readline())
    assert (event["type"], event["object"]["kind"], event["object"]["rows"][0]["cells"][0]) == ("ADDED", "Table", "n1")


def test_a_custom_resource_is_served_soon_after_it_is_defined(served: Served) -> None:
    code, definition = served.request("POST", DEFINITIONS, definition_body())
    assert (code, definition["status"]["conditions"]) == (201, None)
    widgets = WIDGETS
    eventually(lambda: served.request("GET", widgets)[0] == 200)
    definition = served.request("GET", f"{DEFINITIONS}/widgets.example.com")[1]
    assert "Established" in {c["type"] for c in definition["status"]["conditions"] if c["status"] == "True"}
    code, widget = served.request("POST", widgets, widget_body("w", {"size": 3}))
    assert (code, widget["spec"]) == (201, {"size": 3, "colour": "red"})
    assert (widget["metadata"]["generation"], "status" in widget) == (1, False)
    listed = served.request("GET", widgets)[1]
    assert (listed["kind"], listed["items"][0]["kind"]) == ("WidgetList", "Widget")
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    merge = "application/merge-patch+json"
    served.request("PATCH", f"{widgets}/w/status", {"status": status, "spec": {"size": 9}}, content=merge)
    changed = served.request("GET", f"{widgets}/w")[1]
    assert (changed["status"], changed["spec"]["size"], changed["metadata"]["generation"]) == (status, 3, 1)
    table = served.request("GET", widgets, accept=TABLE)[1]
    assert table["rows"][0]["cells"][:3] == ["w", 3, "True"]
    strategic = "application/strategic-merge-patch+json"
    assert served.request("PATCH", f"{widgets}/w", {}, content=strategic)[0] == 415


BROKEN = [
    ({}, "spec.size: Required value"),
    ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
    ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
    ({"size": 10}, "spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"),
    ({"size": 1, "colour": "green"}, 'spec.colour: Unsupported value: "green": supported values: "red", "blue"'),
    ({"size": 1, "name": "A"}, "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"),
    ({"size": 1, "name": "abcdef"}, "spec.name: Too long: may not be more than 5 bytes"),
    ({"size": 1, "parts": [{"count": 1}]}, "spec.parts[0].id: Required value"),
]


@pytest.mark.parametrize(("spec", "message"), BROKEN)
def test_a_custom_resource_must_fit_its_schema(served: Served, spec: Json, message: str) -> None:
    define_widgets(served)
    code, status = served.request("POST", WIDGETS, widget_body("w", spec))
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"] == f'Widget.example.com "w" is invalid: {message}'
    assert status["details"]["causes"][0]["field"] == message.partition(": ")[0]


def test_deletion_keeps_to_its_preconditions(served: Served) -> None:
    served.request("POST", MAPS, config_map("c"))
    code, status = served.request("DELETE", f"{MAPS}/c", {"preconditions": {"uid": "other"}})
    assert (code, status["reason"]) == (409, "Conflict")
    code, status = served.request("DELETE", f"{MAPS}/c")
    assert (code, status["status"], status["details"]["name"]) == (200, "Success", "c")


def test_a_collection_is_deleted_by_selector(served: Served) -> None:
    for name, colour in (("a", "red"), ("b", "blue")):
        body = config_map(name)
        body["metadata"]["labels"] = {"colour": colour}
        served.request("POST", MAPS, body)
    served.request("DELETE", f"{MAPS}?labelSelector=colour%3Dred")
    left = [item["metadata"]["name"] for item in served.request("GET", f"{MAPS}?labelSelector=colour")[1]["items"]]
    assert left == ["b"]


def test_a_namespace_goes_with_what_is_in_it(served: Served) -> None:
    served.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
    served.request("POST", "/api/v1/namespaces/team/configmaps", config_map("c"))
    _, going = served.request("DELETE", "/api/v1/namespaces/team")
    assert going["status"]["phase"] == "Terminating"
    eventually(lambda: served.request("GET", "/api/v1/namespaces/team")[0] == 404)
    assert served.request("GET", "/api/v1/namespaces/team/configmaps/c")[0] == 404


def test_logs_say_that_nothing_ran(embedded: Served) -> None:
    served = embedded
    served.call(lambda api: api.create("nodes", node_body("n1")))
    served.request("POST", PODS, pod_body("p"))
    eventually(lambda: served.request("GET", f"{PODS}/p")[1]["status"]["phase"] == "Running")
    with embedded.open(f"{PODS}/p/log") as response:
        assert b"simulated" in response.read()


def test_reviews_are_answered(served: Served) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    asked = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    assert served.request("POST", path, asked)[1]["status"]["allowed"] is True
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    assert served.request("POST", path, {})[1]["status"]["userInfo"]["username"] == served.user
