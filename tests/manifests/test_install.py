"""Installed by kustomize and by Helm on a real apiserver: what is there afterwards, and what is left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.manifests.cluster import CHART, MANIFESTS, Cluster
from tests.manifests.conftest import STEP, TICK
from tests.manifests.examples import LEAST, provisioner

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl, pytest.mark.slow]

STATUS_PAGE = "poolwright-status-page@my-project.iam.gserviceaccount.com"
CRD = "nodeprovisioners.compute.poolwright.dev"
VALUES = ("--set", f"functions.step={STEP}", "--set", f"functions.tick={TICK}")


@pytest.fixture
def smoke_namespace(cluster: Cluster) -> Iterator[None]:
    """The namespace that the example names; nobody's but the operator's."""
    cluster.kubectl("create", "namespace", "gpu-tests")
    yield
    cluster.kubectl("delete", "namespace", "gpu-tests", "--wait")


@pytest.fixture
def unchanged(cluster: Cluster, smoke_namespace: None) -> Iterator[None]:
    """Everything that a test installs, it takes away."""
    before = cluster.everything()
    yield
    after = cluster.everything()
    assert (after - before, before - after) == (set(), set())


def bound(cluster: Cluster) -> dict[str, str]:
    """Binding -> whom it is for."""
    found = [*cluster.get("clusterrolebindings"), *cluster.get("rolebindings", "--all-namespaces")]
    return {
        f"{each['metadata'].get('namespace', '')}/{each['metadata']['name']}": each["subjects"][0]["name"]
        for each in found
        if each["metadata"]["name"].startswith("poolwright")
    }


BOUND = {
    "/poolwright-step": STEP,
    "/poolwright-tick": TICK,
    "poolwright/poolwright-step": STEP,
    "poolwright/poolwright-tick": TICK,
    "gpu-tests/poolwright-smoke-jobs": STEP,
}


@pytest.mark.usefixtures("unchanged")
def test_kustomize_installs_it_for_the_named_functions_and_takes_it_away(cluster: Cluster) -> None:
    example = MANIFESTS / "example"
    cluster.kubectl("apply", "-k", example)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=60s")
    assert bound(cluster) == BOUND
    cluster.kubectl("apply", "-f", "-", given=provisioner(LEAST))
    assert "unchanged" in cluster.kubectl("apply", "-k", example)
    assert cluster.may(STEP, "list", "configmaps", "-n", "poolwright")
    assert cluster.may(STEP, "create", "jobs.batch", "-n", "gpu-tests")
    assert not cluster.may(STEP, "create", "jobs.batch", "-n", "default", soon=False)
    assert not cluster.may(STEP, "list", "configmaps", "-n", "kube-system", soon=False)
    assert not cluster.may(TICK, "patch", "nodes", soon=False)
    cluster.kubectl("delete", "-k", example, "--wait")


def test_without_an_overlay_nobody_is_bound(cluster: Cluster) -> None:
    objects = [each for each in yaml.safe_load_all(cluster.kubectl("kustomize", MANIFESTS / "base")) if each]
    names = {subject["name"] for each in objects for subject in each.get("subjects", [])}
    assert names == {"step@PROJECT.iam.gserviceaccount.com", "tick@PROJECT.iam.gserviceaccount.com"}


def test_kustomize_and_the_chart_install_the_same(helm: Cluster) -> None:
    def known(text: str) -> dict[tuple[str, str, str], object]:
        found = {}
        for each in yaml.safe_load_all(text):
            if each:
                metadata = each["metadata"]
                metadata.pop("labels", None)
                found[each["kind"], metadata.get("namespace", ""), metadata["name"]] = each
        return found

    chart = (
        "template",
        "poolwright",
        CHART,
        *VALUES,
        "--set",
        "smokeJobNamespaces={gpu-tests}",
        "--kube-version",
        "1.33.0",
    )
    example = known(helm.kubectl("kustomize", MANIFESTS / "example"))
    assert known(helm.helm(*chart)) == example
    page = known(helm.kubectl("kustomize", MANIFESTS / "status-page"))
    assert known(helm.helm(*chart, "--set", f"functions.statusPage={STATUS_PAGE}")) == example | page


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("namespace", ["default", "poolwright"])
def test_helm_installs_upgrades_and_uninstalls_it(helm: Cluster, namespace: str) -> None:
    own = namespace == "poolwright"
    where = ("--namespace", namespace, *(["--create-namespace"] if own else []))
    release = ("poolwright", CHART, "--set", "smokeJobNamespaces={gpu-tests}", "--wait")
    helm.helm("install", *release, *VALUES, *where)
    assert bound(helm) == BOUND
    helm.kubectl("apply", "-f", "-", given=provisioner(LEAST))
    other = "another-tick@my-project.iam.gserviceaccount.com"
    helm.helm("upgrade", *release, *VALUES, "--set", f"functions.tick={other}", "--namespace", namespace)
    assert bound(helm) == {**BOUND, "/poolwright-tick": other, "poolwright/poolwright-tick": other}
    assert not helm.may(TICK, "list", "nodeprovisioners", soon=False)
    assert helm.may(other, "list", "nodeprovisioners")
    assert helm.get("np", "l4")["spec"]["maxNodes"] == LEAST["maxNodes"]
    helm.helm("uninstall", "poolwright", "--wait", "--namespace", namespace)
    if own:  # helm leaves the namespaces that it makes for releases
        helm.kubectl("delete", "namespace", namespace, "--wait")


@pytest.mark.usefixtures("unchanged")
def test_an_upgrade_from_an_older_chart_upgrades_the_definition_under_the_objects(
    helm: Cluster, tmp_path: Path
) -> None:
    old = tmp_path / "poolwright"
    shutil.copytree(CHART, old)
    chart = yaml.safe_load((old / "Chart.yaml").read_text("utf-8"))
    (old / "Chart.yaml").write_text(yaml.safe_dump({**chart, "version": "0.0.9"}), "utf-8")
    path = old / "objects" / "nodeprovisioners.yaml"
    definition = yaml.safe_load(path.read_text("utf-8"))
    version = definition["spec"]["versions"][0]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del fields["properties"]["schedule"], fields["properties"]["order"]
    fields["x-kubernetes-validations"] = [
        rule
        for rule in fields["x-kubernetes-validations"]
        if "schedule" not in rule["rule"] and "order" not in rule["rule"]
    ]
    path.write_text(yaml.safe_dump(definition), "utf-8")
    helm.helm("install", "poolwright", old, *VALUES, "--wait")
    helm.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=60s")
    helm.kubectl("apply", "-f", "-", given=provisioner(LEAST))
    assert "order" not in helm.get("np", "l4")["spec"]
    helm.helm("upgrade", "poolwright", CHART, *VALUES, "--wait")
    helm.kubectl("apply", "-f", "-", given=provisioner({**LEAST, "schedule": [{"minNodes": 2}]}))
    spec = helm.get("np", "l4")["spec"]
    assert (spec["order"], spec["schedule"][0]["timeZone"]) == ("priority", "UTC")
    helm.helm("uninstall", "poolwright", "--wait")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "functions"),
        (("--set", f"functions.step={STEP}"), "tick"),
        ((*VALUES, "--set", "functions.step=somebody@example.com"), "functions/step"),
        ((*VALUES, "--set", "smokeJobNamespaces={kube-system}"), "smokeJobNamespaces/0"),
        ((*VALUES, "--set", "smokeJobs=yes"), "smokeJobs"),
    ],
)
def test_values_that_will_not_do_are_refused_by_name(helm: Cluster, values: tuple[str, ...], said: str) -> None:
    answer = helm.helm("template", "poolwright", CHART, *values, "--kube-version", "1.33.0", fails=True)
    assert "values don't meet the specifications of the schema" in answer
    assert said in answer


def test_helm_finds_nothing_wrong_with_the_chart(helm: Cluster) -> None:
    assert "0 chart(s) failed" in helm.helm("lint", CHART, *VALUES, "--strict")
