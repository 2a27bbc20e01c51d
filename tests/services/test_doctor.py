"""`poolwright doctor` on a stand-in where everything is as Terraform leaves it, and then one thing is not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud import deployed, resource_manager, service_usage
from localcloud.deployment import DEAD_LETTERS
from localcloud.faults import Fault
from poolwright.adapters.clock import SystemClock
from poolwright.cli.app import run
from poolwright.services.doctor.examine import CHECKS
from tests.services.whole_deployment import (
    ENVIRONMENT,
    JOB,
    NODES,
    PROJECT,
    PROVISIONERS,
    SERVING,
    STEP,
    Change,
    Deployment,
    Json,
    alert,
    autoscaled,
    dead_letter,
    image,
    in_cluster,
    in_pool,
    in_provisioner,
    in_subscription,
    put,
    refuse,
    silence,
    undefined,
    url,
    without,
    without_alert,
    without_policy_of,
)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("cloud"))
    yield made
    made.close()


@pytest.fixture
def deployment(everything: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    everything.go_back()
    for name, value in everything.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POOLWRIGHT_ENVIRONMENTS", str(tmp_path))
    monkeypatch.setattr(SystemClock, "now", lambda self: everything.world.simulation.now())
    write(tmp_path)
    return everything


def write(folder: Path, **fields: Any) -> None:
    (folder / "demo.yaml").write_text(yaml.safe_dump(ENVIRONMENT | fields), "utf-8")


@pytest.fixture
def doctor(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[int, list[Json]]]:
    def look() -> tuple[int, list[Json]]:
        status = run(["doctor", "--output", "json"])
        return status, json.loads(capsys.readouterr().out)["findings"]

    return look


def test_where_all_is_well_it_finds_nothing(doctor: Any) -> None:
    status, findings = doctor()
    assert [each for each in findings if each["severity"] != "ok"] == []
    assert status == 0
    assert {each["check"] for each in findings} == set(CHECKS)
    assert not any(each["toDo"] for each in findings)


# One thing is wrong


REFERENCE = {"cluster": "serving", "machineType": "g2-standard-8", "zone": "us-east4-a"}
AUDIT = f"projects/{PROJECT}/topics/gke-audit"
GONE = {"name": "gone", "location": "us-central1"}
PRIVATE = {"ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": False}}
FENCED = {
    "ipEndpointsConfig": {
        "enabled": True, "enablePublicEndpoint": True,
        "authorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "10.0.0.0/8"}]},
    }
}  # fmt: skip
FAULTS: list[tuple[str, str, str, str, Change]] = [
    (
        "APIs",
        "problem",
        PROJECT,
        "not enabled: container.googleapis.com",
        put(service_usage.TABLE, **{"container.googleapis.com": "DISABLED"}),
    ),
    (
        "IAM",
        "warning",
        PROJECT,
        "you lack pubsub.topics.publish",
        put(resource_manager.LACKING, **{"pubsub.topics.publish": True}),
    ),
    ("IAM", "problem", PROJECT, f"function step ({STEP}) lacks compute.disks.create", without_policy_of(STEP)),
    ("IAM", "problem", NODES, f"{STEP} may not act as it", without(deployed.ACCOUNTS, NODES)),
    (
        "network path",
        "problem",
        "serving",
        "no public address",
        in_cluster(SERVING, controlPlaneEndpointsConfig=PRIVATE),
    ),
    (
        "network path",
        "problem",
        "serving",
        "only authorized networks may reach it (10.0.0.0/8)",
        in_cluster(SERVING, controlPlaneEndpointsConfig=FENCED),
    ),
    ("network path", "problem", "serving", "does not answer from here", in_cluster(SERVING, endpoint="127.0.0.1:9")),
    (
        "image policy",
        "problem",
        PROJECT,
        "no boot image can be built",
        put(
            deployed.CONSTRAINTS,
            **{
                "compute.trustedImageProjects": {"rules": [{"values": {"allowedValues": ["is:projects/debian-cloud"]}}]}
            },
        ),
    ),
    ("image policy", "problem", "demo", "is FAILED, not READY", image(status="FAILED")),
    ("image policy", "warning", "demo", "UEFI_COMPATIBLE", image(guestOsFeatures=[])),
    ("image policy", "problem", PROJECT, "no instance group can make a VM", without_policy_of("@cloudservices")),
    ("image policy", "warning", "serving/l4", "image type is CUSTOM", in_pool("l4", imageType="CUSTOM")),
    ("subscriptions", "problem", "work", "no such topic", without("pubsub.topics", f"projects/{PROJECT}/topics/work")),
    (
        "subscriptions",
        "problem",
        "work",
        "no subscription pushes",
        without("pubsub.subscriptions", f"projects/{PROJECT}/subscriptions/step"),
    ),
    ("subscriptions", "problem", "step", "expires", in_subscription("step", expirationPolicy={"ttl": "2678400s"})),
    ("subscriptions", "problem", "step", "messages come twice", in_subscription("step", ackDeadlineSeconds=60)),
    ("subscriptions", "warning", "step", "no backoff", in_subscription("step", retryPolicy=None)),
    ("subscriptions", "problem", "step", "no dead-letter topic", in_subscription("step", deadLetterPolicy=None)),
    (
        "subscriptions",
        "problem",
        "step",
        "pushes as nobody",
        in_subscription("step", pushConfig={"pushEndpoint": url("step")}),
    ),
    (
        "subscriptions",
        "problem",
        "step",
        "its filter lets not everything pass",
        in_subscription("step", filter='attributes.kind = "a"'),
    ),
    (
        "subscriptions",
        "problem",
        "image-built",
        "does not let FAILURE, ",
        in_subscription("image-built", filter='attributes.status = "SUCCESS"'),
    ),
    ("subscriptions", "warning", "image-built", "no filter", in_subscription("image-built", filter="")),
    (
        "subscriptions",
        "problem",
        "step",
        "is not function step",
        in_subscription("step", pushConfig={"pushEndpoint": url("tick"), "oidcToken": {"serviceAccountEmail": "a@b"}}),
    ),
    ("subscriptions", "problem", "step", "it is RESOURCE_ERROR", in_subscription("step", state="RESOURCE_ERROR")),
    (
        "subscriptions",
        "problem",
        DEAD_LETTERS,
        "dead letters are lost",
        without("pubsub.subscriptions", f"projects/{PROJECT}/subscriptions/{DEAD_LETTERS}"),
    ),
    ("subscriptions", "warning", DEAD_LETTERS, "1 dead letter waits", dead_letter),
    (
        "subscriptions",
        "problem",
        DEAD_LETTERS,
        "expires",
        in_subscription(DEAD_LETTERS, expirationPolicy={"ttl": "86400s"}),
    ),
    (
        "subscriptions",
        "problem",
        "gpu-alerts",
        "gcp-sa-monitoring-notification.iam.gserviceaccount.com may not publish",
        without_policy_of("gcp-sa-monitoring-notification"),
    ),
    (
        "subscriptions",
        "problem",
        DEAD_LETTERS,
        "gcp-sa-pubsub.iam.gserviceaccount.com may not publish",
        without_policy_of("gcp-sa-pubsub"),
    ),
    (
        "subscriptions",
        "warning",
        "serving",
        "it sends no notifications",
        in_cluster(SERVING, notificationConfig={"pubsub": {"enabled": False}}),
    ),
    ("subscriptions", "problem", "gke-audit", "no log sink may publish", without("pubsub.policies", AUDIT)),
    ("ticks", "problem", "scheduler", "no job publishes", without(deployed.JOBS, JOB)),
    (
        "ticks",
        "problem",
        "scheduler",
        "is PAUSED",
        lambda it: it.world.table(deployed.JOBS)[JOB].update(state="PAUSED"),
    ),
    ("metrics", "problem", "serving", "has no point of the last 300 s", silence),
    ("provisioners", "warning", "training", "NodeProvisioner is not installed", undefined),
    (
        "provisioners",
        "problem",
        "serving/l4",
        "no node pool of the cluster has the instance group gke-gone-grp",
        in_provisioner("l4", SERVING, existingInstanceGroupNames=["gke-gone-grp"]),
    ),
    (
        "provisioners",
        "problem",
        "serving/l4",
        "minGPUUtilizationPercent",
        in_provisioner("l4", SERVING, minGPUUtilizationPercent=90),
    ),
    ("provisioners", "problem", "serving/l4", "GKE's autoscaling is on for node pool l4", autoscaled("l4")),
    (
        "provisioners",
        "warning",
        "alert policy l4 busy",
        "names NodeProvisioner gone",
        alert(
            userLabels={
                "poolwright_provisioner": "gone",
                "poolwright_cluster": "serving",
                "poolwright_location": "us-central1",
            }
        ),
    ),
    ("provisioners", "problem", "alert policy l4 busy", "no notification channel", alert(notificationChannels=[])),
    ("provisioners", "warning", "training/h100", "no alert policy names it", without_alert("h100 busy")),
    (
        "quotas",
        "warning",
        f"{PROJECT}/us-east4",
        "provisioners may ask for 16 more",
        put("compute.quotas", **{"us-east4": {"NVIDIA_H100_GPUS": 16}}),
    ),
    (
        "quotas",
        "warning",
        f"{PROJECT}/us-central1",
        "INSTANCES: ",
        put("compute.quotas", **{"us-central1": {"INSTANCES": 4}}),
    ),
]


@pytest.mark.parametrize(
    ("check", "severity", "where", "says", "change"), FAULTS, ids=[f"{each[0]}: {each[3]}" for each in FAULTS]
)
def test_what_is_wrong_is_found_and_nothing_else(
    deployment: Deployment, doctor: Any, check: str, severity: str, where: str, says: str, change: Change
) -> None:
    deployment.loop.call(lambda: change(deployment))
    status, findings = doctor()
    found = [each for each in findings if each["severity"] != "ok"]
    assert {(each["check"], each["severity"], each["where"]) for each in found if says in each["what"]} == {
        (check, severity, where)
    }
    assert {each["check"] for each in found} == {check}
    assert all(each["toDo"] for each in found)
    assert status == (1 if severity == "problem" else 0)


# An environment's file says what is not so


@pytest.mark.parametrize(
    ("fields", "where", "says"),
    [
        ({"clusters": [*ENVIRONMENT["clusters"], GONE]}, "demo", "GKE knows no projects/"),
        ({"runId": 7}, "demo", "it is pinned to run 7, of which there is no image"),
        ({"notifications": {"webhookVariable": "CHAT"}}, "demo", "names CHAT, which function notify does not have"),
        (
            {"sourceImage": {"referencePool": REFERENCE}},
            "demo",
            "zone is us-east4-a, and serving is in us-central1",
        ),
        ({"mode": "perhaps"}, "{folder}/demo.yaml", "mode: "),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_what_a_file_names_and_is_not_there_is_a_problem(
    doctor: Any, tmp_path: Path, fields: Json, where: str, says: str
) -> None:
    write(tmp_path, **fields)
    status, findings = doctor()
    found = [each for each in findings if each["severity"] != "ok"]
    assert [(each["check"], each["severity"], each["where"]) for each in found] == [
        ("environment files", "problem", where.format(folder=tmp_path))
    ]
    assert says in found[0]["what"]
    assert status == 1


def test_files_that_cannot_be_used_hide_nothing_of_the_project_of_topics_and_functions(
    doctor: Any, tmp_path: Path
) -> None:
    write(tmp_path, mode="perhaps")
    assert {each["check"] for each in doctor()[1] if each["severity"] == "ok"} >= {"APIs", "subscriptions", "ticks"}


# What cannot be looked at

REFUSED = {
    "services.BatchGet": ("APIs", "serviceusage.serviceUsageViewer"),
    "projects.GetIamPolicy": ("IAM", "iam.securityReviewer"),
    "projects.TestIamPermissions": ("IAM", "browser"),
    "service_accounts.GetIamPolicy": ("IAM", "iam.securityReviewer"),
    "ClusterManager.GetCluster": ("network path", "container.clusterViewer"),
    "policies.GetEffectivePolicy": ("image policy", "orgpolicy.policyViewer"),
    "images.List": ("image policy", "compute.viewer"),
    "Subscriber.ListSubscriptions": ("subscriptions", "pubsub.viewer"),
    "functions.List": ("ticks", "cloudfunctions.viewer"),
    "jobs.List": ("ticks", "cloudscheduler.viewer"),
    "MetricService.ListTimeSeries": ("metrics", "monitoring.viewer"),
    "AlertPolicyService.ListAlertPolicies": ("provisioners", "monitoring.viewer"),
    "regions.List": ("quotas", "compute.viewer"),
}


@pytest.mark.parametrize("method", REFUSED)
def test_a_read_that_is_refused_is_unknown_and_says_which_role_to_ask_for(
    deployment: Deployment, doctor: Any, method: str
) -> None:
    deployment.loop.call(lambda: refuse(deployment, method))
    status, findings = doctor()
    check, role = REFUSED[method]
    assert status == 0
    found = [each for each in findings if each["severity"] != "ok"]
    assert {each["severity"] for each in found} == {"unknown"}
    assert any(
        each["check"] == check and each["toDo"] == f"Ask whoever owns {PROJECT} for roles/{role}" for each in found
    )
    assert all("you may not look at it" in each["what"] for each in found)


def test_an_api_that_is_off_is_named_with_how_to_turn_it_on(deployment: Deployment, doctor: Any) -> None:
    told = (
        "Organization Policy API has not been used in project 42 before or it is disabled. Enable it by visiting "
        "https://console.developers.google.com/apis/api/orgpolicy.googleapis.com/overview?project=42 then retry."
    )
    fault = Fault(method="policies.GetEffectivePolicy", status="PERMISSION_DENIED", message=told)
    deployment.loop.call(lambda: deployment.world.faults.add(fault))
    [found] = [each for each in doctor()[1] if each["severity"] != "ok"]
    assert found["what"] == "the API is off that tells it, orgpolicy.googleapis.com"
    assert found["toDo"] == f"gcloud services enable orgpolicy.googleapis.com --project {PROJECT}"


def test_who_is_not_logged_in_is_told_so_at_once(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    assert run(["doctor"]) == 1
    assert "find nobody to speak as" in capsys.readouterr().err


def test_where_nothing_answers_all_is_unknown_and_nothing_is_a_traceback(deployment: Deployment, doctor: Any) -> None:
    deployment.loop.call(lambda: refuse(deployment, "*"))
    status, findings = doctor()
    assert status == 0
    assert {each["check"] for each in findings if each["severity"] == "unknown"} >= {
        "environment files", "APIs", "IAM", "network path", "image policy", "subscriptions", "ticks", "quotas",
    }  # fmt: skip
    assert not any("should not have happened" in each["what"] for each in findings)


# What it does to others


def test_it_changes_nothing_and_asks_each_thing_once(deployment: Deployment, doctor: Any) -> None:
    doctor()
    calls = list(deployment.world.calls)
    assert [each.method for each in calls if each.mutating] == []
    per_cluster = ("GetCluster", "GetServerConfig", "reviews.create", "nodeprovisioners.get")
    once = Counter(f"{each.host} {each.method}" for each in calls if not each.method.endswith(per_cluster))
    # The duty cycle of two clusters, and two metrics of subscriptions; the policies of four topics.
    several = {"MetricService.ListTimeSeries": 4, "IAMPolicy.GetIamPolicy": 4}
    assert {name: many for name, many in once.items() if many > 1} == {
        f"{host} {method}": several[method]
        for host, method in (
            ("monitoring.googleapis.com", "MetricService.ListTimeSeries"),
            ("pubsub.googleapis.com", "IAMPolicy.GetIamPolicy"),
        )
    }
    assert len(once) < 25
    assert Counter(each.method for each in calls if each.method.endswith(per_cluster)) == {
        "ClusterManager.GetCluster": 2,
        "ClusterManager.GetServerConfig": 2,
        "selfsubjectaccessreviews.create": 2,
        "subjectaccessreviews.create": 10,
        "nodeprovisioners.get": 2,
    }


def test_more_provisioners_and_node_pools_cost_no_more_calls(deployment: Deployment, doctor: Any) -> None:
    doctor()
    before = Counter(each.method for each in deployment.world.calls)
    deployment.loop.call(lambda: many_more(deployment))
    deployment.loop.call(deployment.world.calls.clear)
    doctor()
    assert Counter(each.method for each in deployment.world.calls) == before


def many_more(it: Deployment) -> None:
    api = it.stack.gke.clusters[SERVING]
    body = api.list(PROVISIONERS)[0]
    for number in range(20):
        fresh = {"name": f"more-{number}"}
        api.create(PROVISIONERS, {**body, "metadata": fresh})
    pools = it.stack.gke.state.pools
    path, pool = next((path, each) for path, each in pools.items() if path.endswith("/l4"))
    for number in range(20):
        pools[f"{path}-{number}"] = {**pool, "name": f"l4-{number}", "_path": f"{path}-{number}", "_groups": []}


# As people see it


def test_people_get_a_line_a_thing_and_under_it_what_to_do(
    deployment: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    deployment.loop.call(lambda: in_subscription("step", ackDeadlineSeconds=60)(deployment))
    assert run(["doctor", "--env", "demo"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{PROJECT}  demo"
    [at] = [number for number, line in enumerate(lines) if line.startswith("  problem")]
    assert "its ack deadline is no longer than a function may run (60 s)" in lines[at]
    assert lines[at + 1].strip() == "gcloud pubsub subscriptions update step --ack-deadline=90"
    assert lines[-1] == "problems: 1, warnings: 0, unknown: 0."


def test_an_environment_that_is_not_there_is_refused(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--env", "dmo"]) == 1
    assert "there is no environment 'dmo'. Use --env demo" in capsys.readouterr().err
