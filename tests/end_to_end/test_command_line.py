"""The commands that look: what they show of a world in which groups differ, to people and to programs."""

from __future__ import annotations

import base64
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import compute_v1

from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.boot_images import kube_env
from poolwright.rollouts.rollout import Phase, Policy, Rollout, Target, Wave, encode
from tests.end_to_end.operator import BASE, NEWER, ROOT, TOPICS, Operator, environment, image, world
from tests.end_to_end.serving import PROJECT, Served, eventually, serve

Json = dict[str, Any]
READING = (
    ("plan", "--env", "demo", "--run-id", "1"),
    ("status",),
    ("images", "--env", "demo"),
    ("pools", "--env", "demo"),
    ("auth", "--env", "demo"),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    runs = [("demo", 1), ("demo", 2), ("frozen", 1), ("pinned", 1), ("pinned", 2), ("observed", 1), ("superseded", 1)]
    images = [
        *(image(name, run_id) for name, run_id in runs),
        image("skewed", 1, base=NEWER),
        image("large", 1) | {"diskSizeGb": 300},
    ]
    with serve("--state", str(world(tmp_path_factory.mktemp("world"), *images)), "--speed", "60") as here:
        for topic in TOPICS:
            assert here.http("pubsub.googleapis.com", "PUT", f"/v1/projects/{PROJECT}/topics/{topic}", {})[0] == 200
        yield here


@pytest.fixture(scope="module")
def of(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Operator]:
    """Operators by environment: all are of the same clusters, so each has a folder of its own."""
    folder = tmp_path_factory.mktemp("environments")
    always = {"begins": "2020-01-01T00:00:00Z", "ends": "2120-01-01T00:00:00Z", "reason": "the long holidays"}
    fields: dict[str, Json] = {
        "demo": {"substitutions": {"kubeEnv": {"set": {"POOLWRIGHT_DEMO": "hello"}, "unset": ["TPM_BOOTSTRAP_KEY"]}}},
        "observed": {
            "mode": "observe",
            "sourceImage": {
                "image": BASE,
                "referencePool": {"cluster": "serving", "machineType": "g2-standard-24", "zone": "us-central1-a"},
            },
            "build": {"source": "gs://acme/packer.tar.gz", "zone": "us-central1-a"},
        },
        "pinned": {"runId": 1},
        "skewed": {},
        "superseded": {},
        "large": {},
        "frozen": {"rollout": {"freezes": [always]}},
    }
    for name, more in fields.items():
        environment(folder / name, name, **more)
    environment(folder / "demo", "away", clusters=[{"name": "gone", "location": "us-central1"}])
    return lambda name: Operator(served.environment | {"POOLWRIGHT_ENVIRONMENTS": str(folder / name)})


@pytest.fixture(scope="module")
def operator(of: Callable[[str], Operator]) -> Operator:
    return of("demo")


@pytest.fixture(scope="module")
def store(operator: Operator) -> SqliteStore:
    return SqliteStore(operator.variables["POOLWRIGHT_STORE"].partition(":")[2])


@pytest.fixture(scope="module")
def groups(served: Served, operator: Operator) -> dict[str, str]:
    """The names of the groups by pool and zone; one is PROACTIVE, and in one somebody tries a template out."""
    pools = operator.json("pools", "--env", "demo")["pools"]
    names = {f"{pool['pool']} {group['zone']}": group["group"] for pool in pools for group in pool["groups"]}
    client = served.compute(compute_v1.InstanceGroupManagersClient)
    _patch(client, "us-east4-a", names["h100 us-east4-a"], {"update_policy": {"type_": "PROACTIVE"}})
    templates = served.compute(compute_v1.InstanceTemplatesClient).list(project=PROJECT)
    links = [each.self_link for each in templates if each.name.startswith("gke-serving-l4")]
    versions = [{"instance_template": links[0], "target_size": {"fixed": 1}}, {"instance_template": links[1]}]
    _patch(client, "us-central1-b", names["l4 us-central1-b"], {"versions": versions})
    return names


def _patch(client: compute_v1.InstanceGroupManagersClient, zone: str, name: str, body: Json) -> None:
    where = {"project": PROJECT, "zone": zone, "instance_group_manager": name}
    before = client.get(request=where).fingerprint
    client.patch_unary(request={**where, "instance_group_manager_resource": body})
    eventually(lambda: client.get(request=where).fingerprint != before, f"the patch of {name}")


def rollout(name: str, run_id: int, phase: Phase) -> Json:
    """A rollout's document."""
    group = f"projects/{PROJECT}/zones/us-central1-a/instanceGroupManagers/gke-serving-l4-1a2b3c4d-grp"
    pool = f"projects/{PROJECT}/locations/us-central1/clusters/serving/nodePools/l4"
    return encode(
        Rollout(
            id=f"{name}-{run_id}", environment=name, run_id=run_id, image=f"poolwright-{name}-{run_id}", phase=phase,
            waves=(Wave(name="canary", targets=(Target(group=group, pool=pool, state="mutated"),), verdict="passed"),),
            policy=Policy(bake_seconds=2, node_ready_seconds=60, canary_node=True, roll_back_on_failure=True),
            reason="1 groups on it", created=time.time(),
        )
    )  # fmt: skip


# plan


def test_plan_shows_what_each_group_would_be_on_and_why_some_are_refused(
    operator: Operator, groups: dict[str, str]
) -> None:
    plan = operator.json("plan", "--env", "demo", "--run-id", "1")
    found = {each["group"]: (each["verdict"], each["refusal"]) for each in plan["groups"]}
    assert found == {
        groups["l4 us-central1-a"]: ("change", ""),
        groups["l4 us-central1-b"]: ("refused", "ambiguous"),
        groups["a100 us-central1-a"]: ("refused", "excluded"),
        groups["h100 us-east4-a"]: ("refused", "proactive"),
    }
    shown = operator.poolwright("plan", "--env", "demo", "--run-id", "1")
    assert shown.status == 0
    for each in plan["groups"]:
        assert each["group"] in shown.out
    assert "1 to change, 0 right already, 3 refused." in shown.out
    assert "update type PROACTIVE" in shown.out
    assert "accelerator nvidia-tesla-a100 is excluded" in shown.out
    assert re.search(rf"~  boot image +{BASE} → poolwright-demo-1", shown.out)
    assert re.search(r"\+  kube-env POOLWRIGHT_DEMO +<secret sha256:", shown.out)
    assert re.search(r"-  kube-env TPM_BOOTSTRAP_KEY +<secret sha256:", shown.out)


@pytest.mark.parametrize(
    ("name", "refusal", "reason"),
    [("skewed", "skew", f"build an image on {BASE}"), ("large", "too-small-disk", "needs 300 GB")],
)
def test_plan_shows_groups_that_an_image_does_not_fit(
    of: Callable[[str], Operator], groups: dict[str, str], name: str, refusal: str, reason: str
) -> None:
    plan = of(name).json("plan", "--env", name, "--groups", groups["l4 us-central1-a"])
    assert [each["refusal"] for each in plan["groups"]] == [refusal]
    assert reason in plan["groups"][0]["why"]


@pytest.mark.parametrize(
    ("name", "run_id", "kind", "reason"),
    [
        ("frozen", "1", "frozen", "the long holidays"),
        ("pinned", "2", "pinned", "pinned to run 1"),
        ("observed", "1", "observe", "Mode is observe"),
        ("superseded", "1", "superseded", "superseded-2 is of the newer run 2"),
    ],
)
def test_plan_shows_what_keeps_an_environment_from_beginning(
    of: Callable[[str], Operator], store: SqliteStore, name: str, run_id: str, kind: str, reason: str
) -> None:
    operator = of(name)
    if store.get("rollouts", "superseded-2") is None:
        store.put("rollouts", "superseded-2", rollout("superseded", 2, "done"), version=None)
    found = operator.json("plan", "--env", name, "--run-id", run_id)["obstacles"]
    assert [each["kind"] for each in found] == [kind]
    assert reason in found[0]["reason"]
    assert found[0]["reason"] in " ".join(operator.poolwright("plan", "--env", name, "--run-id", run_id).out.split())


def test_plan_takes_the_pinned_run_else_the_newest(of: Callable[[str], Operator]) -> None:
    assert of("pinned").json("plan", "--env", "pinned")["runId"] == 1
    assert of("demo").json("plan", "--env", "demo")["runId"] == 2


def test_plan_and_status_say_which_groups_are_held(
    operator: Operator, store: SqliteStore, groups: dict[str, str]
) -> None:
    group = groups["l4 us-central1-a"]
    key = f"projects/{PROJECT}/zones/us-central1-a/instanceGroupManagers/{group}"
    body = {"runId": 1, "image": "poolwright-demo-1", "held": {key: "demo-1 was rolled back"}}
    version = store.put("environments", "demo", body, version=None)
    plan = operator.json("plan", "--env", "demo", "--run-id", "1", "--groups", group)
    status = operator.json("status", "--env", "demo")["environments"][0]
    store.delete("environments", "demo", version=version)
    assert plan["groups"][0]["notes"] == [
        "Held on GKE's own template until a rollout takes it: demo-1 was rolled back."
    ]
    kinds = {each["group"]: each["kind"] for each in status["notOn"]}
    assert kinds[group] == "held"
    assert kinds[groups["h100 us-east4-a"]] == "proactive"
    assert kinds[groups["a100 us-central1-a"]] == "excluded"


def test_plan_makes_no_write_and_a_handful_of_calls(served: Served, operator: Operator, groups: dict[str, str]) -> None:
    served.http("localcloud", "DELETE", "/calls")
    operator.json("plan", "--env", "demo", "--run-id", "1")
    _, calls = served.http("localcloud", "GET", "/calls")
    outside = [call for call in calls if not call["host"].startswith("oauth2")]
    assert [call for call in outside if call["mutating"]] == []
    # Images, 2 clusters, their ConfigMaps, groups, 2 times templates.
    assert len(outside) <= 8, [call["method"] for call in outside]


# observe


@pytest.mark.slow
def test_in_observe_no_command_makes_a_write(served: Served, of: Callable[[str], Operator]) -> None:
    operator = of("observed")
    served.http("localcloud", "DELETE", "/calls")
    said = {
        line: operator.poolwright(*line.split(), "--env", "observed")
        for line in (
            "build", "reference create", "reference delete", "rollout start", "rollout start --run-id 1 --wait",
            "rollout rollback --run-id 1", "rollout pause", "rollout resume", "rollout abort", "tidy", "plan", "status",
            "images", "pools",
        )
    }  # fmt: skip
    _, calls = served.http("localcloud", "GET", "/calls")
    ours = ("oauth2", "pubsub")  # a token, and our own topics
    assert [call["method"] for call in calls if call["mutating"] and not call["host"].startswith(ours)] == []
    assert len(calls) > 10
    assert "would be built on" in said["build"].out
    refused = {line: each.err for line, each in said.items() if each.status}
    assert set(refused) == {line for line in said if line.startswith(("reference", "rollout"))}, refused
    for line in ("reference create", "reference delete", "rollout start"):
        assert "observe" in refused[line]


# status, images, pools


def test_status_of_all_environments_names_those_whose_clusters_are_gone(operator: Operator) -> None:
    found = {each["environment"]: each for each in operator.json("status")["environments"]}
    assert set(found) == {"away", "demo"}
    assert found["away"]["missingClusters"] == [f"projects/{PROJECT}/locations/us-central1/clusters/gone"]
    assert "GKE knows no projects/" in operator.poolwright("status").out


def test_images_say_which_groups_are_on_them(operator: Operator) -> None:
    found = operator.json("images", "--env", "demo")["images"]
    assert [(each["runId"], each["sourceImage"], each["groups"]) for each in found] == [(2, BASE, 0), (1, BASE, 0)]
    assert "poolwright-demo-2" in operator.poolwright("images", "--env", "demo").out


def test_pools_show_those_that_are_left_alone_with_why(operator: Operator) -> None:
    found = {each["pool"]: each["leftAlone"] for each in operator.json("pools", "--env", "demo")["pools"]}
    assert found == {
        "system": "no GPUs", "l4": "", "a100": "accelerator nvidia-tesla-a100 is excluded", "h100": "",
    }  # fmt: skip


def test_whoever_asks_is_told_who_they_are(operator: Operator) -> None:
    account = operator.json("auth", "--env", "demo")["account"]
    assert account == f"poolwright@{PROJECT}.iam.gserviceaccount.com"


# stop


def test_a_stop_is_in_force_until_it_is_lifted_and_said_wherever_something_would_begin(operator: Operator) -> None:
    stopped = operator.json("stop", "--reason", "nodes do not join")
    assert stopped["stopped"]
    assert "nodes do not join" in stopped["sentence"]
    assert [each["kind"] for each in operator.json("plan", "--env", "demo")["obstacles"]] == ["stopped"]
    refused = operator.poolwright("rollout", "start", "--env", "demo")
    assert refused.status == 1
    assert "poolwright is stopped since" in refused.err
    assert not operator.json("resume")["stopped"]
    assert operator.json("plan", "--env", "demo")["obstacles"] == []


# What is refused


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("plan", 1, "no environment is named. Use --env with one of: away, demo."),
        ("plan --env dmo", 1, "there is no environment 'dmo'. Use --env demo; there are away, demo"),
        ("plan --env demo --run-id latest", 1, "'latest' is no run id. Give a whole number from 1"),
        ("plan --env demo --run-id 7", 1, "demo has no boot image of run 7. Use one of the runs that have one: 1, 2."),
        ("plan --env demo --groups gke-serving-l4", 1, "demo has no instance group gke-serving-l4. Nearest: gke-serv"),
        ("plan --env away", 1, "away has no boot image. Build one first, and wait until it is ready."),
        ("plan --env demo --verbose", 2, "No such option: --verbose"),
        ("plam --env demo", 2, "No such command 'plam'"),
        ("rollout status --env demo", 1, "demo has no rollout yet. Start one: poolwright rollout start --env demo."),
        ("rollout status --env superseded x", 1, "superseded has no rollout x. Its newest are superseded-2."),
        ("rollout pause --env superseded", 1, "to pause it would change nothing: the rollout is done"),
        ("rollout start --env pinned --run-id 2", 1, "pinned is pinned to run 1"),
        ("rollout start --env observed", 1, "Mode is observe"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence_with_what_would_do(
    of: Callable[[str], Operator], groups: dict[str, str], store: SqliteStore, line: str, status: int, says: str
) -> None:
    named = re.search(r"--env (pinned|observed|superseded)", line)
    operator = of(named[1] if named else "demo")
    if store.get("rollouts", "superseded-2") is None:
        store.put("rollouts", "superseded-2", rollout("superseded", 2, "done"), version=None)
    said = operator.poolwright(*line.split())
    assert said.status == status
    assert said.out == ""
    assert says in said.err
    assert said.err.startswith("poolwright: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"POOLWRIGHT_PROJECT": "", "GOOGLE_CLOUD_PROJECT": ""}, "POOLWRIGHT_PROJECT is not set; give the id"),
        ({"POOLWRIGHT_ENVIRONMENTS": "/nowhere"}, "/nowhere: no environment file there; add one"),
        ({"POOLWRIGHT_STORE": "redis:here"}, "POOLWRIGHT_STORE is 'redis:here'; use firestore:DATABASE or sqlite:PATH"),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, "find nobody to speak as"),
        ({"POOLWRIGHT_ENDPOINTS": "{\"compute.googleapis.com\": \"http://127.0.0.1:9\"}"}, "not now:"),
    ],
)  # fmt: skip
def test_a_setting_or_a_login_that_is_missing_is_named(
    operator: Operator, variables: dict[str, str], says: str
) -> None:
    said = operator.poolwright("images", "--env", "demo", **variables)
    assert said.status == 1
    assert says in said.err
    assert "Traceback" not in said.err


# What is never shown


@pytest.mark.slow
def test_no_command_shows_a_secret_of_a_kube_env(served: Served, operator: Operator, groups: dict[str, str]) -> None:
    secrets = set()
    for template in served.compute(compute_v1.InstanceTemplatesClient).list(project=PROJECT):
        for item in template.properties.metadata.items:
            if item.key == "kube-env":
                values = kube_env.KubeEnv.parse(item.value).values
                secrets |= {value.reveal() for key, value in values.items() if key not in kube_env.SHOWN_KEYS}
    long = {text for text in secrets if len(text) > 20}
    assert len(long) > 5
    for command in READING:
        for output in ("text", "json"):
            said = operator.poolwright(*command, "--output", output)
            for secret in long:
                assert secret not in said.out + said.err
                assert base64.b64encode(secret.encode()).decode() not in said.out + said.err


def test_a_pipe_gets_no_colours_and_no_folded_lines(operator: Operator, groups: dict[str, str]) -> None:
    for command in READING:
        said = operator.poolwright(*command, TERM="xterm-256color", COLUMNS="")
        assert "\x1b" not in said.out + said.err
        assert all(line == line.rstrip() for line in said.out.splitlines())


@pytest.mark.parametrize(
    ("line", "says"), [("plan", "Reading the groups of demo"), ("pools", "Reading the node pools of demo")]
)
def test_a_terminal_is_told_what_goes_on(operator: Operator, line: str, says: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "poolwright.cli", line, "--env", "demo"]
    env = {**operator.variables, "PYTHONPATH": str(ROOT / "shared"), "TERM": "xterm-256color"}
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert says in shown
    assert says not in done.stdout.decode()


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_nothing_is_cut_off_however_narrow_the_terminal_is(
    operator: Operator, groups: dict[str, str], columns: int
) -> None:
    said = operator.poolwright("plan", "--env", "demo", "--run-id", "1", COLUMNS=str(columns))
    assert all(len(line) <= columns for line in said.out.splitlines())
    assert "…" not in said.out
    if columns >= 80:
        assert all(name in said.out for name in groups.values() if "-system-" not in name)
