from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.environments import Environment, checks
from tests.unit.boot_images.examples import CANARY
from tests.unit.environments.conftest import GOOD, Folder

Problem = Callable[..., str]
PINNED = f"registry.example/serving@sha256:{'0123456789abcdef' * 4}"
POOL = {"cluster": "serving", "machineType": "g2-standard-8"}


def window(**fields: Any) -> dict[str, Any]:
    return {"rollout": {"windows": [fields]}}


def freeze(begins: Any, ends: Any) -> dict[str, Any]:
    return {"rollout": {"freezes": [{"begins": begins, "ends": ends}]}}


@pytest.mark.parametrize(
    ("changed", "path", "says"),
    [
        ({"name": "Dev"}, "name", "lower-case letters"),
        ({"name": "d" * 31}, "name", "30 at most"),
        ({"name": "dev-"}, "name", "lower-case"),
        ({"name": None}, "name", "an empty value will not do"),
        ({"project": "My Project"}, "project", "the id of a project"),
        ({"clusters": []}, "clusters", "the list is empty; give at least 1"),
        ({"clusters": {"name": "serving"}}, "clusters", "a mapping will not do; give a list"),
        ({"clusters": [{"name": "serving", "location": "us"}]}, "clusters[0].location", "a region or a zone"),
        ({"clusters": [{"name": "s" * 41, "location": "us-east4"}]}, "clusters[0].name", "40 at most"),
        ({"clusters": GOOD["clusters"] * 2}, "clusters", "serving in us-central1 is there 2 times"),
        ({"buildServiceAccount": "me@example.com"}, "buildServiceAccount", "the email of a service account"),
        ({"buildLocation": "us-central1-a"}, "buildLocation", "a region"),
        ({"mode": "acting"}, "mode", "give one of observe, offer, act"),
        ({"mode": True}, "mode", "True will not do"),
        ({"runId": 0}, "runId", "at least 1"),
        ({"runId": "7"}, "runId", "a whole number"),
        ({"rollouts": {}}, "rollouts", "did you mean rollout?"),
        ({"zzz": {}}, "zzz", "there are build, buildLocation"),
        ({"rollout": []}, "rollout", "give fields"),
        (
            {"sourceImage": {"referencePool": POOL | {"cluster": "other"}}},
            "sourceImage.referencePool.cluster",
            "name one of serving",
        ),
        (
            {"sourceImage": {"referencePool": POOL | {"machineType": "g2"}}},
            "sourceImage.referencePool.machineType",
            "a machine type",
        ),
        (
            {"sourceImage": {"referencePool": POOL | {"zone": "us-central1"}}},
            "sourceImage.referencePool.zone",
            "a zone",
        ),
        ({"sourceImage": {"onChange": "rebuild"}}, "build.source", "gs://BUCKET/OBJECT"),
        ({"build": {"source": "https://x"}}, "build.source", "an object in Cloud Storage"),
        ({"build": {"containers": ["nginx:1.27"]}}, "build.containers[0]", "pinned by digest"),
        ({"build": {"containers": [f"nginx@sha256:{'0' * 63}"]}}, "build.containers[0]", "pinned by digest"),
        ({"build": {"containers": [PINNED, PINNED]}}, "build.containers", "is there 2 times"),
        ({"build": {"timeoutSeconds": 86401}}, "build.timeoutSeconds", "at most 86400"),
        ({"rollout": {"waves": [0]}}, "rollout.waves[0]", "above 0"),
        ({"rollout": {"waves": [1.01]}}, "rollout.waves[0]", "at most 1"),
        ({"rollout": {"waves": [0.5, 0.5]}}, "rollout.waves[1]", "does not rise above 0.5"),
        ({"rollout": {"bakeSeconds": -1}}, "rollout.bakeSeconds", "at least 0"),
        ({"rollout": {"nodeReadySeconds": 0}}, "rollout.nodeReadySeconds", "above 0"),
        ({"rollout": {"maxUnavailable": 0}}, "rollout.maxUnavailable", "both 0"),
        ({"rollout": {"maxSurge": -1}}, "rollout.maxSurge", "at least 0"),
        ({"rollout": {"nodePolicy": "recreate"}}, "rollout.nodePolicy", "new-nodes-only, replace"),
        ({"rollout": {"gates": {"cacheHit": True}}}, "rollout.gates.cacheHit", "no container is pre-loaded"),
        ({"rollout": {"gates": {"smokeJobs": [{"image": ""}]}}}, "rollout.gates.smokeJobs[0].image", "a text"),
        (window(begins="9:00"), "rollout.windows[0].begins", "a time of day, such as 09:00"),
        (window(begins="24:00"), "rollout.windows[0].begins", "a time of day"),
        (window(ends="24:01"), "rollout.windows[0].ends", "a time of day"),
        (window(begins="09:00", ends="09:00"), "rollout.windows[0].ends", "as begins is"),
        (window(days=[]), "rollout.windows[0].days", "never opens"),
        (window(days=["monday"]), "rollout.windows[0].days[0]", "one of mon, tue"),
        (window(days=["mon", "mon"]), "rollout.windows[0].days", "mon is there 2 times"),
        (window(timeZone="Europe/Berln"), "rollout.windows[0].timeZone", "did you mean Europe/Berlin?"),
        (window(timeZone=""), "rollout.windows[0].timeZone", "is no time zone"),
        (window(timeZone="Europe"), "rollout.windows[0].timeZone", "is no time zone"),
        (window(timeZone="../UTC"), "rollout.windows[0].timeZone", "is no time zone"),
        (freeze("2026-12-20T00:00:00", "2026-12-21T00:00:00Z"), "rollout.freezes[0].begins", "a time with its offset"),
        (
            freeze("2026-12-20T00:00:00Z", datetime(2026, 12, 21).date()),
            "rollout.freezes[0].ends",
            "2026-12-21 will not do",
        ),
        (freeze("2026-12-20T00:00:00Z", "2026-12-20T01:00:00+01:00"), "rollout.freezes[0].ends", "is not after begins"),
        ({"retention": {"images": 0}}, "retention.images", "at least 1"),
        ({"retention": {"graceSeconds": -1}}, "retention.graceSeconds", "at least 0"),
        (
            {"notifications": {"webhookVariable": "https://hooks"}},
            "notifications.webhookVariable",
            "environment variable",
        ),
        ({"capacity": {"maxAgeSeconds": 0}}, "capacity.maxAgeSeconds", "above 0"),
        ({"exclude": {"pool": ["x"]}}, "exclude.pool", "did you mean pools?"),
    ],
)
def test_what_will_not_do_is_told_with_its_path_and_what_would(
    problem: Problem, changed: dict[str, Any], path: str, says: str
) -> None:
    said = problem(**changed)

    assert said.startswith(f"dev.yaml: {path}: "), said
    assert says in said
    assert not said.endswith(".")


@pytest.mark.parametrize(
    ("wanted", "path", "says"),
    [
        ({"kubeEnv": {"set": {"A": True}}}, "kubeEnv.set.A", "give a text, in quotes"),
        ({"kubeEnv": {"set": {1: "x"}}}, "kubeEnv.set.1", "this key is no text"),
        ({"kubeEnv": {"replace": {}}}, "kubeEnv.replace", "there is no such field"),
        ({"kubeEnv": {"set": {"A": "b"}, "unset": ["A"]}}, "kubeEnv.unset.A", "both set and unset"),
        ({"kubeEnv": {"set": {"a b": "c"}}}, "kubeEnv", "shell variable"),
        ({"kubeEnv": {"append": {"ZONE": ["a=b"]}}}, "kubeEnv", "ZONE is no list"),
        ({"kubeEnv": {"append": {"KUBELET_ARGS": ["--a=1", "--a=2"]}}}, "kubeEnv", "--a already"),
        ({"kubeEnv": {"unset": ["KUBELET_ARGS"]}, "labels": {"a.example/b": "c"}}, "kubeEnv", "no KUBELET_ARGS"),
        ({"kubeletConfig": {"set": {"a..b": 1}}}, "kubeletConfig.a..b", "no path to a field"),
        ({"kubeletConfig": {"set": {"kind": "Other"}}}, "kubeletConfig.kind", "cannot be changed"),
        ({"kubeletConfig": {"set": {"x": datetime(2026, 1, 1)}}}, "kubeletConfig.x", "none of JSON's"),
        ({"kubeletConfig": {"set": {"x": 1}, "unset": ["x"]}}, "kubeletConfig.unset.x", "both set and unset"),
        ({"kubeletConfig": {"unset": ["x"]}, "metadata": {"kubelet-config": "y"}}, "kubeletConfig", "keep one of them"),
        ({"metadata": {"kube-env": "x"}}, "metadata.kube-env", "through kubeEnv"),
        ({"metadata": {"a b": "x"}}, "metadata.a b", "no key of metadata"),
        ({"metadata": {"a": "x" * 262145}}, "metadata.a", "more than 262144"),
        ({"labels": {"kubernetes.io/x": "y"}}, "labels.kubernetes.io/x", "kubelet refuses"),
        (
            {"kubeEnv": {"append": {"KUBELET_ARGS": ["--v=3", "--node-labels=a.example/b=c,kubernetes.io/x=y"]}}},
            "kubeEnv.append.KUBELET_ARGS[1]",
            "kubelet refuses",
        ),
        (
            {"kubeEnv": {"append": {"NODE_LABELS": ["x=not legal!"]}}},
            "kubeEnv.append.NODE_LABELS[0]",
            "allows no label",
        ),
        ({"labels": {"a..b/x": "y"}}, "labels.a..b/x", "allows no label"),
        ({"labels": {"x": "not legal!"}}, "labels.x", "allows no label"),
        ({"taints": [{"key": "x y", "effect": "NoSchedule"}]}, "taints[0]", "allows no taint"),
        ({"taints": [{"key": "x", "effect": "Never"}]}, "taints[0].effect", "one of NoSchedule"),
    ],
)
def test_substitutions_that_no_pool_takes_are_refused_in_the_file(
    problem: Problem, wanted: dict[str, Any], path: str, says: str
) -> None:
    said = problem(substitutions=wanted)

    assert said.startswith(f"dev.yaml: substitutions.{path}: "), said
    assert says in said


def test_values_at_the_edge_of_what_is_allowed_are(folder: Folder) -> None:
    folder.dev(
        buildServiceAccount="123-compute@developer.gserviceaccount.com",
        runId=1,
        project="example.com:acme-dev",
        clusters=[
            {"name": "s", "location": "northamerica-northeast1"},
            {"name": "s" * 40, "location": "us-central1-ai1a"},
        ],
        build={"containers": [PINNED], "source": "gs://b1/o"},
        sourceImage={"onChange": "rebuild", "referencePool": POOL | {"cluster": "s"}},
        rollout={
            "waves": [1],
            "bakeSeconds": 0,
            "maxUnavailable": 0,
            "maxSurge": 1,
            "gates": {"cacheHit": True},
            "windows": [{"begins": "22:00", "ends": "04:00", "timeZone": "America/Argentina/Buenos_Aires"}, {}],
            "freezes": [{"begins": "2026-12-20T00:00:00Z", "ends": "2026-12-20T00:00:01Z"}],
        },
        substitutions={
            "labels": {"node.kubernetes.io/purpose": "gpu", "acme.example/x": ""},
            "kubeEnv": {"append": {"KUBELET_ARGS": ["--v=3"]}},
        },
    )

    assert folder.load().rollout.waves == (1.0,)


def test_one_fault_hides_no_other_beside_it(folder: Folder) -> None:
    folder.dev(
        rollout={"waves": [0.5, 0.4], "windows": [{"begins": "x"}, {"days": []}], "bakeSeconds": "long"}, mode="x"
    )

    assert [said.split(": ")[1] for said in folder.problems()] == [
        "mode",
        "rollout.bakeSeconds",
        "rollout.windows[0].begins",
        "rollout.windows[1].days",
        "rollout.waves[1]",
    ]


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (window(begins="x", ends="00:00"), "rollout.windows[0].begins"),
        ({"rollout": {"maxUnavailable": 0, "maxSurge": "1"}}, "rollout.maxSurge"),
        ({"rollout": {"gates": {"cacheHit": True}}, "build": {"containers": ["x"]}}, "build.containers[0]"),
        ({"sourceImage": {"onChange": "rebuild"}, "build": {"source": "x"}}, "build.source"),
        (
            {
                "substitutions": {
                    "kubeEnv": {"set": {"KUBELET_ARGS": 1}, "unset": ["KUBELET_ARGS"]},
                    "labels": {"a": "b"},
                }
            },
            "substitutions.kubeEnv.set.KUBELET_ARGS",
        ),
    ],
)
def test_a_fault_is_not_told_a_second_time_by_what_depends_on_it(
    problem: Problem, changed: dict[str, Any], path: str
) -> None:
    assert problem(**changed).startswith(f"dev.yaml: {path}: ")


@pytest.mark.parametrize(
    "changed",
    [
        {"notifications": {"webhookVariable": f"https://hooks.example/{CANARY}"}},
        {"substitutions": {"kubeEnv": {"set": {"TOKEN": [CANARY]}}}},
        {"substitutions": {"kubeEnv": {"set": {"TOKEN": 4815162342}}}},
        {"substitutions": {"metadata": {"token": {"a": CANARY}}}},
        {"substitutions": {"metadata": {"token": 4815162342}}},
        {"substitutions": {"kubeletConfig": {"set": {"a": 1, "kind": CANARY}}}},
    ],
)
def test_no_message_repeats_what_may_be_a_credential(problem: Problem, changed: dict[str, Any]) -> None:
    said = problem(**changed)

    assert CANARY not in said and "4815162342" not in said


LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False) | st.text(max_size=5)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(0, 2), inner, max_size=3)
    ),
)


@st.composite
def almost_good(draw: st.DrawFn) -> dict[str, Any]:
    """A good file with something else at some of its fields."""
    raw = dict(GOOD)
    for field in draw(st.lists(st.sampled_from(msgspec.structs.fields(Environment)), max_size=3)):
        raw[field.encode_name] = draw(ANYTHING)
    for part in draw(st.lists(st.sampled_from(["rollout", "build", "substitutions", "exclude"]), max_size=2)):
        fields = {field.name: field for field in msgspec.structs.fields(type(getattr(Environment(**sane()), part)))}
        name = draw(st.sampled_from(sorted(fields)))
        raw[part] = {fields[name].encode_name: draw(ANYTHING)}
    return raw


def sane() -> dict[str, Any]:
    return {"name": "x", "project": "x", "clusters": (), "build_service_account": "x"}


@given(almost_good() | ANYTHING)
def test_whatever_msgspec_refuses_is_refused_and_nothing_raises(raw: Any) -> None:
    value, problems = checks.read(raw)
    try:
        expected = msgspec.convert(raw, Environment)
    except msgspec.ValidationError:
        assert problems
        return
    assert value == expected
