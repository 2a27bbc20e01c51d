"""The definition on a real apiserver: what it stores, what it refuses, how it is read and waited for."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.control_plane import ADMIN
from poolwright.adapters.gke import ControlPlane as Place
from poolwright.adapters.kubernetes import KubernetesApi
from poolwright.capacity import status
from poolwright.capacity.decision import Grow, Hold
from poolwright.capacity.observation import GpuNode, Group, Observation
from poolwright.capacity.provisioner import BadProvisioner, decode
from tests.manifests.cluster import Cluster
from tests.manifests.examples import BAD, GOOD, LEAST, provisioner

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl]

SEEN = Observation(
    nodes=(GpuNode("n1", "a", 2, 2, duty_cycle=91.0), GpuNode("n2", "a", 2, 0, duty_cycle=3.0)),
    groups=(Group("gke-serving-l4-0a1b2c3d-grp", members=3, on_the_way=1, refusal="dry"),),
    pending=(2,),
    gpus_per_node=2,
    unknown=("Monitoring: timeout",),
)
HOLD = Hold(target=3, reason="GPU utilization is 47 %, within its band", would_change_if="it rises above 80 %")


@pytest.fixture
def api(defined: Cluster) -> KubernetesApi:
    """The functions' own adapter."""
    plane = defined.plane
    place = Place(url=plane.url, ca=base64.b64encode(plane.ca_file.read_bytes()).decode())
    return KubernetesApi(place, token=lambda: plane.tokens[ADMIN])


@pytest.fixture(autouse=True)
def tidy(defined: Cluster) -> Iterator[None]:
    yield
    defined.kubectl("delete", "np", "--all")


def built(**changes: Any) -> dict[str, Any]:
    fields = {"generation": 1, "mode": "act", "state": "Running", "seen": SEEN, "decision": HOLD, "previous": {}}
    return status.build(**{**fields, "now": time.time(), **changes})


def test_good_examples_are_stored_with_their_defaults(defined: Cluster) -> None:
    names = {f"good-{place}": why for place, why in enumerate(GOOD)}
    defined.kubectl("apply", "-f", "-", given=[provisioner(GOOD[why], name) for name, why in names.items()])
    stored = {item["metadata"]["name"]: item for item in defined.get("nodeprovisioners")}
    assert stored["good-0"]["spec"] == {
        **LEAST,
        "mode": "act",
        "minUnutilizedGPUNodes": 0,
        "minNodes": 0,
        "order": "priority",
        "pricePerNodeHour": {},
        "cooldowns": {"scaleUpSeconds": 0, "scaleDownSeconds": 300},
        "drain": {"timeoutSeconds": 600, "barePods": "forbid", "localStorage": "forbid"},
        "schedule": [],
    }
    for name, why in names.items():
        assert decode(stored[name]) == decode(provisioner(GOOD[why], name)), why


@pytest.fixture(scope="module")
def refusals(defined: Cluster) -> dict[str, str]:
    """What `kubectl apply` says of each bad example."""
    names = {f"bad-{place}": why for place, why in enumerate(BAD)}
    many = [provisioner(BAD[why][0], name) for name, why in names.items()]
    said = defined.kubectl("apply", "-f", "-", given=many, fails=True)
    parts = re.split(r'NodeProvisioner\.compute\.poolwright\.dev "(.+?)" is invalid: ', said)
    assert defined.get("nodeprovisioners") == []
    return {names[name]: text for name, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("why", BAD)
def test_a_bad_example_is_refused_and_the_field_is_named(refusals: dict[str, str], why: str) -> None:
    assert f"{BAD[why][1]}" in refusals[why], refusals[why]


def test_every_rule_of_the_definition_has_refused_something(defined: Cluster, refusals: dict[str, str]) -> None:
    definition = defined.get("crd", "nodeprovisioners.compute.poolwright.dev")
    messages = set(re.findall(r"'message': (?:'([^']*)'|\"([^\"]*)\"), 'rule'", str(definition["spec"])))
    said = " ".join(refusals.values())
    assert messages
    assert [text for pair in messages for text in pair if text and text not in said] == []


def test_a_field_that_is_none_is_refused(defined: Cluster) -> None:
    said = defined.kubectl("apply", "-f", "-", given=provisioner({**LEAST, "cooldownSeconds": 3}), fails=True)
    assert 'unknown field "spec.cooldownSeconds"' in said


def test_it_reads_well(defined: Cluster, api: KubernetesApi) -> None:
    waiting = {**LEAST, "minNodes": 1, "existingInstanceGroupNames": ["gke-serving-l4-0a1b2c3d-grp", "spot"]}
    defined.kubectl("apply", "-f", "-", given=[provisioner(waiting), provisioner(LEAST, "fresh")])
    api.set_provisioner_status("l4", built())
    narrow = defined.kubectl("get", "nodeprovisioners").splitlines()
    assert narrow[0].split() == ["NAME", "MODE", "NODES", "MIN", "MAX", "UTILIZATION", "READY", "DECISION", "AGE"]
    assert narrow[1].split()[:4] == ["fresh", "0", "4", narrow[1].split()[-1]]
    assert narrow[2].split()[:-1] == ["l4", "act", "3", "1", "4", "47", "True", "Holding"]
    assert max(map(len, narrow)) < 100
    wide = defined.kubectl("get", "np", "-o", "wide").splitlines()
    assert wide[0].split() == [*narrow[0].split(), "STATE", "GROUPS", "WHY"]
    assert '["gke-serving-l4-0a1b2c3d-grp","spot"]' in wide[2]
    assert wide[2].rstrip().endswith("GPU utilization is 47 %, within its band")
    assert "nodeprovisioner.compute.poolwright.dev/l4" in defined.kubectl("get", "poolwright", "-o", "name")


def test_a_status_of_ours_is_stored_whole_and_its_patch_takes_away_what_is_gone(
    defined: Cluster, api: KubernetesApi
) -> None:
    defined.kubectl("apply", "-f", "-", given=provisioner(LEAST))
    grow = Grow(group="a", count=1, target=4, reason="busy", would_change_if="it is not")
    stored: dict[str, Any] = {}
    for changes in (
        {"dry": {"gke-serving-l4-0a1b2c3d-grp": time.time() + 600}},
        {"decision": grow},
        {"seen": None, "decision": None, "refusal": "no such group; correct it"},
    ):
        made = built(previous=stored, **changes)
        api.set_provisioner_status("l4", status.patch(stored, made))
        (item,) = api.provisioners()
        stored = item["status"]
        assert stored == made


def test_it_can_be_waited_for(defined: Cluster, api: KubernetesApi) -> None:
    defined.kubectl("apply", "-f", "-", given=[provisioner(LEAST), provisioner(LEAST, "refused")])
    api.set_provisioner_status("l4", built())
    api.set_provisioner_status("refused", built(decision=None, refusal="no such group; correct it"))
    defined.kubectl("wait", "--for=condition=Ready", "np/l4", "--timeout=60s")
    defined.kubectl("wait", "--for=condition=Ready", "np/refused", "--timeout=1s", fails=True)
    defined.kubectl("wait", "--for=condition=Ready=false", "np/refused", "--timeout=60s")


def test_status_is_no_part_of_what_people_write(defined: Cluster) -> None:
    defined.kubectl("apply", "-f", "-", given={**provisioner(LEAST), "status": {"mode": "act"}})
    assert "status" not in defined.get("np", "l4")


def test_kubectl_explains_each_field(defined: Cluster) -> None:
    said = defined.kubectl("explain", "np.spec.drain")
    assert "barePods" in said
    assert "A pod without a controller" in said
    assert {"observe", "offer", "act"} <= set(defined.kubectl("explain", "nodeprovisioner.spec.mode").split())


GROUPS = st.lists(
    st.sampled_from(["a", "b", "us-central1-a/a", "us-central1-b/a", "A", "", "a/b", "x" * 63, "x" * 64]), max_size=4
)
NUMBERS = st.integers(-1, 4)
PERCENTS = st.sampled_from([-0.1, 0, 0.5, 50, 99.9, 100, 100.1])
TIMES = st.sampled_from(["00:00", "08:00", "23:59", "24:00", "24:01", "8:00", ""])
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+5", "Local", "", "Mars/Base", "+01:00"]
)
DAYS = st.lists(st.sampled_from(["mon", "tue", "sun", "Mon"]), max_size=3)
SECONDS = st.sampled_from([-1, 0, 1, 86400, 1.5, "60"])
WORDS = st.sampled_from(["forbid", "evict", "act", "price", ""])
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "existingInstanceGroupNames": GROUPS,
        "maxNodes": NUMBERS,
        "mode": st.sampled_from(["observe", "offer", "act", "ACT", ""]),
        "minGPUUtilizationPercent": PERCENTS,
        "maxGPUUtilizationPercent": PERCENTS,
        "minUnutilizedGPUNodes": NUMBERS,
        "minNodes": NUMBERS,
        "order": st.sampled_from(["priority", "price"]),
        "pricePerNodeHour": st.dictionaries(
            st.sampled_from(["a", "b", "us-central1-a/a"]), st.sampled_from([-1, 0, 2.5])
        ),
        "cooldowns": st.fixed_dictionaries({}, optional={"scaleUpSeconds": SECONDS, "scaleDownSeconds": SECONDS}),
        "drain": st.fixed_dictionaries(
            {}, optional={"timeoutSeconds": SECONDS, "barePods": WORDS, "localStorage": WORDS}
        ),
        "schedule": st.lists(
            st.fixed_dictionaries(
                {}, optional={"minNodes": NUMBERS, "days": DAYS, "begins": TIMES, "ends": TIMES, "timeZone": ZONES}
            ),
            max_size=2,
        ),
    },
)
CHANGED = st.tuples(st.lists(st.sampled_from(sorted(GOOD)), min_size=1, max_size=1), SPECS, st.integers(0, 3))


@settings(max_examples=300)
@given(CHANGED)
def test_cluster_and_reader_agree_on_what_is_good(
    defined: Cluster, drawn: tuple[list[str], dict[str, Any], int]
) -> None:
    (why,), changes, count = drawn
    spec = {**GOOD[why], **dict(list(changes.items())[: count or None])}
    plane = defined.plane
    answer = requests.post(
        f"{plane.url}/apis/compute.poolwright.dev/v1alpha1/nodeprovisioners?dryRun=All",
        json=provisioner(spec), headers={"Authorization": f"Bearer {plane.tokens[ADMIN]}"}, verify=str(plane.ca_file),
        timeout=10,
    )  # fmt: skip
    assert answer.status_code in (201, 422), answer.text
    try:
        read = decode(provisioner(spec))
    except BadProvisioner as refused:
        assert answer.status_code == 422, refused
    else:
        assert answer.status_code == 201, answer.text
        assert decode(answer.json()) == read
