import re

import msgspec
import pytest
import yaml
from hypothesis import assume, event, given
from hypothesis import strategies as st

from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.boot_images.substitutions import (
    KubeEnvChanges,
    KubeletConfigChanges,
    Substitutions,
    Taint,
    metadata_after,
)
from tests.unit.boot_images.examples import CANARY, KUBE_ENV, group, image, leaked, template
from tests.unit.boot_images.planning import KUBELET_CONFIG, items, mutated, plan, substitutions
from tests.unit.boot_images.test_kube_env import VALUES, as_read, well_formed


def test_the_substitutions_reach_kube_env_metadata_labels_and_taints() -> None:
    after = items(mutated().body.reveal())
    node, before = (yaml.load(text, Loader=yaml.BaseLoader) for text in (after["kube-env"], KUBE_ENV))

    assert {key for key in {*node, *before} if node.get(key) != before.get(key)} == {
        "LOGGING_DESTINATION",
        "KUBERNETES_MASTER_NAME",
        "AUTOSCALER_ENV_VARS",
        "KUBELET_ARGS",
    }
    assert node["LOGGING_DESTINATION"] == "gcp: all"
    assert "KUBERNETES_MASTER_NAME" not in node
    autoscaler = dict(variable.split("=", 1) for variable in node["AUTOSCALER_ENV_VARS"].split(";"))
    assert autoscaler["extra"] == "yes"
    assert autoscaler["node_labels"] == "cloud.google.com/gke-nodepool=l4,team=ml,acme.example/image=baked"
    assert autoscaler["node_taints"] == "nvidia.com/gpu=present:NoSchedule,acme.example/canary=true:NoSchedule"
    arguments = node["KUBELET_ARGS"].split(" ")
    assert "--node-labels=cloud.google.com/gke-nodepool=l4,team=ml,acme.example/image=baked" in arguments
    assert "--register-with-taints=nvidia.com/gpu=present:NoSchedule,acme.example/canary=true:NoSchedule" in arguments
    assert arguments[-1] == "--image-gc-high-threshold=99"
    assert after["kube-labels"] == "cloud.google.com/gke-nodepool=l4,team=ml,acme.example/image=baked"
    assert after["serial-port-logging-enable"] == "true"


def test_fields_of_the_kubelets_configuration_change_and_the_plan_shows_them() -> None:
    gke = template(metadata={"kubelet-config": KUBELET_CONFIG, "kube-env": KUBE_ENV.replace(" --max-pods=110", "")})
    wanted = substitutions("kubeletConfig: {set: {maxPods: 64, evictionHard.memory.available: 1Gi}, unset: [nowhere]}")

    outcome = mutated(gke=gke, wanted=wanted)

    after = items(outcome.body.reveal())
    expected = KUBELET_CONFIG.replace("maxPods: 110", "maxPods: 64").replace("100Mi", '"1Gi"')
    assert after["kubelet-config"] == expected
    assert after["kube-env"] == items(gke)["kube-env"]
    shown = [str(change) for change in outcome.changes if change.key.startswith("kubelet-config")]
    assert sorted(shown) == [
        '~ kubelet-config evictionHard.memory.available: "100Mi" -> "1Gi"',
        "~ kubelet-config maxPods: 110 -> 64",
    ]


def test_a_credential_in_the_kubelets_configuration_is_shown_as_a_fingerprint() -> None:
    gke = template(metadata={"kubelet-config": KUBELET_CONFIG})
    rotated = template(metadata={"kubelet-config": KUBELET_CONFIG.replace(CANARY, f"{CANARY}2")})

    outcome = mutated(gke=gke, current=rotated)

    (change,) = (change for change in outcome.changes if change.key.startswith("kubelet-config"))
    assert change.key == "kubelet-config staticPodURLHeader.Authorization"
    assert not leaked(change) and "sha256:" in str(change)


def test_an_autoscaler_that_is_told_nothing_is_told_nothing_new() -> None:
    without = re.sub("AUTOSCALER_ENV_VARS: .*\n", "", KUBE_ENV)

    outcome = mutated(
        gke=template(metadata={"kube-env": without}), wanted=substitutions("labels: {acme.example/image: baked}")
    )

    assert "AUTOSCALER_ENV_VARS" not in items(outcome.body.reveal())["kube-env"]


KEYS = st.from_regex(r"[A-Z]{1,4}", fullmatch=True)


LABELS = st.dictionaries(
    st.from_regex(r"acme\.example/[a-z]{1,5}", fullmatch=True), st.from_regex(r"[a-z]{0,5}", fullmatch=True), max_size=2
)


FLAGS = st.sets(st.sampled_from(["--a-new=1", "--b-new=x,y", "--node-labels=acme.example/z=1"]), max_size=2)


FIELDS = st.sampled_from(["readOnlyPort", "evictionHard.memory.available", "a.b"])


WANTED = st.builds(
    Substitutions,
    kube_env=st.builds(
        KubeEnvChanges,
        set=st.dictionaries(KEYS, VALUES, max_size=2),
        unset=st.lists(st.sampled_from(["KUBELET_PEM", "ZZZ_LAST", "CA_CERT", "NOT_THERE"]), max_size=2).map(tuple),
        append=FLAGS.map(
            lambda flags: {"KUBELET_ARGS": tuple({flag.partition("=")[0]: flag for flag in flags}.values())}
        ),
    ),
    kubelet_config=st.builds(
        KubeletConfigChanges,
        set=st.dictionaries(
            st.sampled_from(["readOnlyPort", "evictionHard.memory.available", "a.b"]), VALUES, max_size=2
        ),
        unset=st.lists(st.sampled_from(["cgroupDriver", "c.d"]), max_size=1).map(tuple),
    ),
    metadata=st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), VALUES, max_size=2),
    labels=LABELS,
    taints=LABELS.map(
        lambda some: tuple(Taint(key=key, value=value, effect="NoExecute") for key, value in some.items())
    ),
)


@given(WANTED, st.integers(0, 10**18 - 1), well_formed())
def test_a_plan_once_carried_out_leaves_nothing_to_do(wanted: Substitutions, run_id: int, others: str) -> None:
    kube_env = others + ("" if others.endswith("\n") else "\n") + KUBE_ENV
    assume(isinstance(as_read(kube_env), dict))
    gke = template(metadata={"kube-env": kube_env, "kubelet-config": KUBELET_CONFIG})
    outcome = plan(gke=gke, wanted=wanted, boot_image=image(run_id))
    if isinstance(outcome, Refusal):
        event("refused")
        assert "cannot be changed without" in outcome.reason or "is both set and" in outcome.reason, outcome
        return
    assert isinstance(outcome, Mutation)
    as_made = outcome.body.reveal() | {"kind": "compute#instanceTemplate", "id": "1"}

    again = plan(group(outcome.name), gke, wanted=wanted, boot_image=image(run_id), current=as_made)

    assert isinstance(again, AlreadyRight)
    assert again.template == outcome.name
    assert metadata_after(InstanceTemplate(as_made), wanted) == items(as_made), "substituted twice, it is as once"
    before, after = (yaml.load(text, Loader=yaml.BaseLoader) for text in (kube_env, items(as_made)["kube-env"]))
    named = {*wanted.kube_env.set, *wanted.kube_env.unset, "KUBELET_ARGS", "AUTOSCALER_ENV_VARS"}
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} <= named
    assert wanted.kube_env.set.items() <= after.items()
    assert not after.keys() & {*wanted.kube_env.unset}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kubeEnv: {set: {A: b}, unset: [A]}", "A is both set and unset"),
        ("kubeEnv: {set: {KUBELET_ARGS: --v=1}, append: {KUBELET_ARGS: [--a=b]}}", "both set and appended"),
        ("kubeEnv: {append: {KUBELET_ARGS: [--max-pods=64]}}", "--max-pods already"),
        ("kubeletConfig: {set: {readOnlyPort: 0}}", "has no kubelet-config to change"),
        ("{kubeletConfig: {unset: [a]}, metadata: {kubelet-config: x}}", "replaced as a whole too"),
        ("kubeEnv: {append: {CLUSTER_NAME: [a=b]}}", "CLUSTER_NAME is no list"),
        ("kubeEnv: {set: {EXTRA_JSON: x}}", "nested value"),
        ("metadata: {kube-env: x}", "kube-env"),
        ("metadata: {cluster-uid: x}", "cluster-uid"),
        ("labels: {kubernetes.io/role: gpu}", "kubelet refuses"),
        ("labels: {foo.k8s.io/role: gpu}", "kubelet refuses"),
        ("labels: {team: other}", "holds team already"),
        ("labels: {acme.example/a: 'not a label!'}", "allows no label"),
        ("taints: [{key: nvidia.com/gpu, value: absent, effect: NoSchedule}]", "nvidia.com/gpu:NoSchedule already"),
    ],
)
def test_substitutions_that_conflict_fail_the_plan(text: str, says: str) -> None:
    outcome = plan(wanted=substitutions(text))

    assert isinstance(outcome, Refusal)
    assert outcome.kind == "unsupported"
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("config", "text", "says"),
    [
        (KUBELET_CONFIG, "kubeletConfig: {set: {maxPods: 64}}", "KUBELET_ARGS has --max-pods"),
        ("kind: Other\n", "kubeletConfig: {set: {readOnlyPort: 0}}", "another kind"),
        (f"{CANARY}: {{", "kubeletConfig: {unset: [readOnlyPort]}", "no YAML mapping"),
        (KUBELET_CONFIG, "kubeletConfig: {set: {kind.of: 64}}", "kind on the way to kind.of holds no fields"),
    ],
)
def test_a_change_of_the_kubelets_configuration_that_cannot_be_made_fails_the_plan(
    config: str, text: str, says: str
) -> None:
    outcome = plan(gke=template(metadata={"kubelet-config": config}), wanted=substitutions(text))

    assert isinstance(outcome, Refusal) and outcome.kind == "unsupported"
    assert says in outcome.reason and not leaked(outcome)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kubeenv: {}", "unknown field `kubeenv`"),
        ("kubeEnv: {replace: {}}", "unknown field `replace`"),
        ("taints: [{key: a, effect: Sometimes}]", "Invalid enum value"),
    ],
)
def test_unknown_substitutions_are_refused_where_they_are_read(text: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says):
        substitutions(text)


def test_labels_are_not_given_to_a_kubelet_whose_arguments_are_unknown() -> None:
    other = KUBE_ENV.replace("KUBELET_ARGS", "KUBELET_TEST_ARGS")

    outcome = plan(gke=template(metadata={"kube-env": other}), wanted=substitutions("labels: {acme.example/a: b}"))

    assert isinstance(outcome, Refusal)
    assert "no KUBELET_ARGS" in outcome.reason


def test_labels_the_kubelet_may_set_are_let_through() -> None:
    assert mutated(wanted=substitutions("labels: {node.kubernetes.io/purpose: gpu}"))
