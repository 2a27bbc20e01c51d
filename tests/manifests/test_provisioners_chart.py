"""The chart of a cluster's NodeProvisioners on a real apiserver, given what Terraform gives it: empty fields too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manifests.cluster import MANIFESTS, Cluster
from tests.manifests.examples import BAD, GOOD, Spec

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl]

CHART = MANIFESTS / "helm" / "provisioners"
EMPTY = dict.fromkeys(("mode", "minGPUUtilizationPercent", "order", "pricePerNodeHour", "drain", "schedule"))


@pytest.fixture
def values(tmp_path: Path) -> Path:
    return tmp_path / "values.json"


@pytest.fixture
def released(defined: Cluster, helm: Cluster) -> Iterator[Cluster]:
    yield helm
    helm.helm("uninstall", "provisioners", "--wait", "--ignore-not-found")


def given(values: Path, **provisioners: Spec) -> Path:
    values.write_text(json.dumps({"provisioners": provisioners}))
    return values


def test_each_provisioner_is_there_and_follows_its_values(released: Cluster, values: Path) -> None:
    whole = {**EMPTY, **GOOD["everything"]}
    one = {**EMPTY, **GOOD["the least"], "cooldowns": {"scaleUpSeconds": 60, "scaleDownSeconds": None}}
    released.helm("install", "provisioners", CHART, "-f", given(values, one=one, other=whole), "--wait")
    stored = {item["metadata"]["name"]: item["spec"] for item in released.get("nodeprovisioners")}
    assert stored["one"]["cooldowns"] == {"scaleUpSeconds": 60, "scaleDownSeconds": 300}
    assert stored["one"]["mode"] == "act" and "minGPUUtilizationPercent" not in stored["one"]
    assert GOOD["everything"]["maxNodes"] == stored["other"]["maxNodes"]

    changed = {**one, "maxNodes": 9, "mode": "offer"}
    released.helm("upgrade", "provisioners", CHART, "-f", given(values, one=changed), "--wait")
    (only,) = released.get("nodeprovisioners")
    assert (only["metadata"]["name"], only["spec"]["maxNodes"], only["spec"]["mode"]) == ("one", 9, "offer")


def test_a_spec_that_the_definition_refuses_is_refused_with_its_field(released: Cluster, values: Path) -> None:
    spec, field = BAD["a minimum above the maximum"]
    told = released.helm("install", "provisioners", CHART, "-f", given(values, one={**EMPTY, **spec}), fails=True)
    assert field in told
