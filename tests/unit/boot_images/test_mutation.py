import copy
import json
import re
import traceback
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from poolwright.boot_images import mutation, provenance
from poolwright.boot_images.checks import NodePolicy
from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal, Rollback
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.boot_images.substitutions import (
    KubeEnvChanges,
    KubeletConfigChanges,
    Substitutions,
    Taint,
    metadata_after,
)
from tests.unit.boot_images.examples import BASE, CANARY, KUBE_ENV, SECRET_KEYS, group, image, leaked, template
from tests.unit.boot_images.test_kube_env import VALUES, as_read, well_formed

LEGAL_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")  # RFC 1035, as the API reference has it
GKE = "gke-serving-l4-31a27d4b"
SUBSTITUTIONS = """
kubeEnv:
  set: {LOGGING_DESTINATION: "gcp: all"}
  unset: [KUBERNETES_MASTER_NAME]
  append:
    AUTOSCALER_ENV_VARS: [extra=yes]
    KUBELET_ARGS: [--image-gc-high-threshold=99]
metadata: {serial-port-logging-enable: "true"}
labels: {acme.example/image: baked}
taints: [{key: acme.example/canary, value: "true", effect: NoSchedule}]
"""


def substitutions(text: str = SUBSTITUTIONS) -> Substitutions:
    return msgspec.convert(yaml.safe_load(text), Substitutions)


def plan(
    raw_group: dict[str, Any] | None = None,
    gke: dict[str, Any] | None = None,
    *,
    boot_image: dict[str, Any] | None = None,
    current: dict[str, Any] | None = None,
    wanted: Substitutions | None = None,
    excluded: Exclusion | None = None,
    node_policy: NodePolicy = "new-nodes-only",
) -> AlreadyRight | Mutation | Refusal:
    gke_template = InstanceTemplate(gke or template())
    return mutation.plan(
        group=InstanceGroup(raw_group or group()),
        gke_template=gke_template,
        current_template=InstanceTemplate(current) if current else gke_template,
        image=BootImage.read(boot_image or image()),
        substitutions=wanted or substitutions(),
        excluded=excluded or Exclusion(),
        node_policy=node_policy,
    )


def mutated(*arguments: Any, **named: Any) -> Mutation:
    outcome = plan(*arguments, **named)
    assert isinstance(outcome, Mutation), outcome
    return outcome


def items(body: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"] for item in body["properties"]["metadata"]["items"]}


def test_the_copy_boots_our_image_and_is_gkes_in_everything_else() -> None:
    outcome = mutated(wanted=Substitutions())
    expected = copy.deepcopy(template())
    for field in ("kind", "id", "creationTimestamp", "selfLink"):
        del expected[field]
    properties = expected["properties"]
    for field in ("kind", "index", "licenses"):
        del properties["disks"][0][field]
    properties["disks"][0]["initializeParams"]["sourceImage"] = image()["selfLink"]
    del properties["networkInterfaces"][0]["kind"], properties["networkInterfaces"][0]["name"]
    del properties["networkInterfaces"][0]["accessConfigs"][0]["kind"], properties["tags"]["fingerprint"]
    del properties["metadata"]["kind"], properties["metadata"]["fingerprint"]
    expected |= {"name": outcome.name, "description": outcome.body.reveal()["description"]}

    assert outcome.body.reveal() == expected
    assert provenance.read(expected["description"]) == provenance.Provenance(
        environment="dev", run_id=42, image=image()["selfLink"], gke_template=GKE
    )


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


KUBELET_CONFIG = f"""\
kind: KubeletConfiguration  # GKE's
evictionHard:
  memory.available: 100Mi
maxPods: 110
staticPodURLHeader:
  Authorization: [{CANARY}]
"""


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


def test_the_inputs_are_left_as_they_were() -> None:
    raw_group, gke, boot_image = group(), template(), image()

    plan(raw_group, gke, boot_image=boot_image)

    assert (raw_group, gke, boot_image) == (group(), template(), image())


def test_the_patch_names_the_template_twice_under_the_fingerprint_and_leaves_the_update_policy_alone() -> None:
    outcome = mutated()
    link = f"projects/acme-gpu/global/instanceTemplates/{outcome.name}"

    assert outcome.link == link
    assert outcome.patch == {
        "instanceTemplate": link,
        "versions": [{"instanceTemplate": link}],
        "fingerprint": "kfdsuH",
    }
    assert outcome.region is None


def test_the_name_of_the_groups_version_is_kept() -> None:
    named = [{"instanceTemplate": "global/instanceTemplates/x", "name": "stable", "targetSize": {"calculated": 3}}]

    outcome = mutated(group(versions=named))

    assert outcome.patch["versions"] == [{"instanceTemplate": outcome.link, "name": "stable"}]


def test_an_autoscaler_that_is_told_nothing_is_told_nothing_new() -> None:
    without = re.sub("AUTOSCALER_ENV_VARS: .*\n", "", KUBE_ENV)

    outcome = mutated(
        gke=template(metadata={"kube-env": without}), wanted=substitutions("labels: {acme.example/image: baked}")
    )

    assert "AUTOSCALER_ENV_VARS" not in items(outcome.body.reveal())["kube-env"]


def test_an_arm_pool_is_known_by_what_its_nodes_are_told_and_else_by_its_machine_family() -> None:
    told = template(metadata={"kube-env": KUBE_ENV.replace("arch=amd64", "arch=arm64")})
    untold = template(machineType="c4a-standard-8", metadata={"kube-env": KUBE_ENV.replace("arch=amd64;", "")})

    for gke in (told, untold):
        assert isinstance(plan(gke=gke), Refusal)
        assert mutated(gke=gke, boot_image=image(architecture="ARM64"))


def test_a_regional_template_is_answered_with_a_regional_one() -> None:
    gke = template() | {
        "region": "https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1/instanceTemplates/{GKE}",
    }

    outcome = mutated(gke=gke)

    assert outcome.region == "us-central1"
    assert outcome.link == f"projects/acme-gpu/regions/us-central1/instanceTemplates/{outcome.name}"
    assert "region" not in outcome.body.reveal()


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


def test_a_group_whose_fields_disagree_is_set_right() -> None:
    name = mutated().name
    half_done = group(name) | {"versions": group()["versions"]}

    assert mutated(half_done).name == name


NAME_PART = st.from_regex(r"[a-z]([-a-z0-9]{0,37}[a-z0-9])?", fullmatch=True)


@given(NAME_PART, NAME_PART, st.integers(1, 40), st.integers(0, 10**18 - 1))
@example("c" * 39, "p" * 39, 40, 10**18 - 1)
@example("c" * 39, "p" * 39, 40, 0)
def test_names_are_legal_for_every_cluster_and_pool_and_say_the_run_id(
    cluster: str, pool: str, cut: int, run_id: int
) -> None:
    gke_name = f"gke-{cluster[:cut]}-{pool}"[:54] + "-0123abcd"  # how GKE shortens is not documented: any cut must do

    name = mutation.name_of(gke_name, run_id, {})

    assert LEGAL_NAME.match(name)
    assert mutation.run_id_of(name) == run_id
    assert mutation.run_id_of(gke_name) is None
    assert name.startswith("gke-")


def test_a_name_keeps_gkes_prefix_and_leaves_gkes_hash_out() -> None:
    name = mutation.name_of("gke-cluster-sample-k-nodepool-sample--73473afd", 42, {})

    assert re.match(r"gke-cluster-sample-k-nodepool-sample-pw-42-[0-9a-f]{10}\Z", name)


@given(
    first=st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    second=st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
)
def test_names_differ_exactly_when_the_content_does(first: dict[str, str], second: dict[str, str]) -> None:
    names = mutation.name_of(GKE, 42, first), mutation.name_of(GKE, 42, dict(reversed(second.items())))

    assert (names[0] == names[1]) == (first == second)


def test_every_ingredient_is_in_the_name() -> None:
    outcomes = [
        mutated(),
        mutated(wanted=Substitutions()),
        mutated(boot_image=image(43)),
        mutated(boot_image=image(selfLink="https://www.googleapis.com/compute/v1/projects/p/global/images/other")),
        mutated(gke=template("gke-serving-l4-00000000")),
        mutated(gke=template(propertyOfTomorrow=[])),
    ]

    assert len({outcome.name for outcome in outcomes}) == len(outcomes)


@pytest.mark.parametrize(
    ("kind", "says", "arguments"),
    [
        ("proactive", "PROACTIVE", {"raw_group": group(updatePolicy={"type": "PROACTIVE"})}),
        ("ambiguous", "2 versions", {"raw_group": group(versions=[*group()["versions"], {"instanceTemplate": "x"}])}),
        ("ambiguous", "is ours", {"gke": template(description=mutated().body.reveal()["description"])}),
        ("skew", BASE, {"boot_image": image(labels={"poolwright-source-image": "gke-1330-older"})}),
        ("architecture", "ARM64", {"boot_image": image(architecture="ARM64")}),
        ("too-small-disk", "100 GB", {"boot_image": image(diskSizeGb="101")}),
        ("unsupported", "PENDING", {"boot_image": image(status="PENDING")}),
        ("unsupported", "OBSOLETE", {"boot_image": image(deprecated={"state": "OBSOLETE"})}),
        ("unsupported", "family", {"boot_image": image(family="poolwright-production")}),
        ("unsupported", "TPU", {"gke": template(machineType="ct5lp-hightpu-4t")}),
        ("unsupported", "Windows", {"gke": template(metadata={"windows-startup-script-ps1": "x"})}),
        ("unsupported", "no boot disk", {"gke": template(disks=[])}),
        ("unsupported", "no kube-env", {"gke": template(metadata={"kube-env": None})}),
        ("unsupported", "no YAML", {"gke": template(metadata={"kube-env": f"A: {CANARY}: b"})}),
        ("unsupported", "262144", {"wanted": Substitutions(metadata={"big": "x" * 300_000})}),
        ("unsupported", "524288", {"wanted": Substitutions(metadata=dict.fromkeys("abc", "x" * 200000))}),
        (
            "confidential",
            "SEV_SNP",
            {"gke": template(confidentialInstanceConfig={"confidentialInstanceType": "SEV_SNP"})},
        ),
        (
            "unsupported",
            "UEFI_COMPATIBLE",
            {
                "gke": template(shieldedInstanceConfig={"enableSecureBoot": True}),
                "boot_image": image(guestOsFeatures=[]),
            },
        ),
        (
            "confidential",
            "TDX",
            {"gke": template(confidentialInstanceConfig={"confidentialInstanceType": "TDX"})},
        ),
        (
            "unsupported",
            "lacks GVNIC",
            {"gke": template(networkInterfaces=[{"network": "default", "nicType": "GVNIC"}])},
        ),
        ("excluded", "nvidia-l4", {"excluded": Exclusion(accelerators=("nvidia-l4",))}),
    ],
)
def test_what_cannot_work_is_refused_with_a_kind_and_a_sentence(
    kind: str, says: str, arguments: dict[str, Any]
) -> None:
    outcome = plan(**arguments)

    assert isinstance(outcome, Refusal)
    assert (outcome.kind, says in outcome.reason) == (kind, True), outcome
    assert outcome.reason.endswith(".")
    assert not leaked(outcome)


def test_a_group_that_replaces_its_nodes_by_itself_may_where_the_policy_is_to_replace_them() -> None:
    proactive = group(updatePolicy={"type": "PROACTIVE", "maxSurge": {"fixed": 1}})

    outcome = mutated(proactive, node_policy="replace")

    assert "updatePolicy" not in outcome.patch
    assert [note for note in outcome.notes if "PROACTIVE" in note]


@pytest.mark.parametrize(
    ("gke", "says"),
    [
        (template(), None),
        (template(metadata={"kube-env": f'NODE_LOCAL_SSDS_EPHEMERAL: "true"\n{KUBE_ENV}'}), "onto them when it boots"),
        (template(metadata={"kube-env": f'NODE_LOCAL_SSDS_EPHEMERAL: "false"\n{KUBE_ENV}'}), None),
        (template(metadata={"kube-labels": "cloud.google.com/gke-ephemeral-storage-local-ssd=true"}), "Local SSDs"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-image-streaming=true"}), "may go unused"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-gcfs=true"}), "Image streaming is on"),
        (template(metadata={"kube-labels": "cloud.google.com/gke-image-streaming=false"}), None),
    ],
)
def test_what_makes_pre_loaded_containers_dear_or_useless_is_noted_and_not_refused(
    gke: dict[str, Any], says: str | None
) -> None:
    notes = mutated(gke=gke).notes

    assert len(notes) == (says is not None)
    assert all(says in note and note.endswith(".") for note in notes if says)


def test_a_confidential_pool_takes_an_image_made_for_it_and_the_smallest_disk_that_fits_will_do() -> None:
    gke = template(
        confidentialInstanceConfig={"enableConfidentialCompute": True},
        shieldedInstanceConfig={"enableSecureBoot": True},
    )

    assert mutated(gke=gke, boot_image=image(diskSizeGb="100"))


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


def test_a_rollback_points_the_group_at_gkes_latest_template() -> None:
    ours = InstanceTemplate(mutated().body.reveal())
    newer = InstanceTemplate(template("gke-serving-l4-99999999"))

    outcome = mutation.rollback(group=InstanceGroup(group(ours.name)), gke_template=newer, current_template=ours)

    assert isinstance(outcome, Rollback)
    assert outcome.patch["instanceTemplate"] == "projects/acme-gpu/global/instanceTemplates/gke-serving-l4-99999999"
    assert outcome.patch["fingerprint"] == "kfdsuH"


def test_a_rollback_to_a_regional_template_says_its_region() -> None:
    ours = InstanceTemplate(mutated().body.reveal())
    compute = "https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1"
    newer = template("gke-serving-l4-99999999") | {
        "region": compute,
        "selfLink": f"{compute}/instanceTemplates/gke-serving-l4-99999999",
    }

    outcome = mutation.rollback(
        group=InstanceGroup(group(ours.name)), gke_template=InstanceTemplate(newer), current_template=ours
    )

    assert isinstance(outcome, Rollback)
    assert outcome.link == "projects/acme-gpu/regions/us-central1/instanceTemplates/gke-serving-l4-99999999"
    assert outcome.patch["versions"] == [{"instanceTemplate": outcome.link}]


def test_a_rollback_of_a_group_on_gkes_latest_has_nothing_to_do() -> None:
    gke = InstanceTemplate(template())

    outcome = mutation.rollback(group=InstanceGroup(group()), gke_template=gke, current_template=gke)

    assert isinstance(outcome, AlreadyRight)


def test_a_rollback_is_refused_where_a_new_template_would_replace_nodes_or_is_not_gkes() -> None:
    gke, ours = InstanceTemplate(template()), InstanceTemplate(mutated().body.reveal())
    proactive = InstanceGroup(group(ours.name, updatePolicy={"type": "PROACTIVE"}))

    refused = mutation.rollback(group=proactive, gke_template=gke, current_template=ours)
    ambiguous = mutation.rollback(group=InstanceGroup(group(ours.name)), gke_template=ours, current_template=ours)

    assert isinstance(refused, Refusal) and refused.kind == "proactive"
    allowed = mutation.rollback(group=proactive, gke_template=gke, current_template=ours, node_policy="replace")
    assert isinstance(allowed, Rollback)
    assert isinstance(ambiguous, Refusal) and ambiguous.kind == "ambiguous"


def test_no_secret_is_in_anything_a_plan_prints() -> None:
    rotated = template(
        "gke-serving-l4-00000000",
        metadata={"kube-env": KUBE_ENV.replace("KUBELET_KEY: ", "KUBELET_KEY: x"), "configure-sh": CANARY},
    )
    outcome = mutated(current=rotated)

    assert outcome.changes
    assert {change.key for change in outcome.changes} >= {"kube-env KUBELET_KEY", "metadata configure-sh", "boot image"}
    for thing in (outcome, outcome.body, outcome.patch, *outcome.changes, InstanceTemplate(template())):
        assert not leaked(thing)
    assert outcome.body.reveal() != {}
    assert CANARY in json.dumps(outcome.body.reveal()), "the canary was planted"


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_no_secret_is_in_what_is_raised(key: str) -> None:
    wanted = Substitutions(kube_env=msgspec.convert({"append": {key: ["a=b"]}}, type(Substitutions().kube_env)))

    outcome = plan(wanted=wanted)

    assert isinstance(outcome, Refusal)
    assert not leaked(outcome)
    with pytest.raises(Exception) as raised:
        plan(gke={**template(), "properties": {**template()["properties"], "metadata": {"items": [{"value": CANARY}]}}})
    assert CANARY not in "".join(traceback.format_exception(raised.value))
