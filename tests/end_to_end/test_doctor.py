"""`poolwright doctor` as a process: of what is deployed from the archive, and of a real control plane, where RBAC says
what each function may."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from poolwright.references import ClusterRef
from tests.end_to_end.deployed import deployed, eventually
from tests.end_to_end.operator import ROOT, Operator
from tests.real_stack import RealStack

ASKER = "doctor@{}.iam.gserviceaccount.com"
MAY_ASK = [
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    {"apiGroups": ["compute.poolwright.dev"], "resources": ["nodeprovisioners"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]},
]


@pytest.fixture
def operator(real_stack: RealStack, tmp_path: Path) -> Operator:
    """Somebody who is nobody in the cluster yet."""
    ref = ClusterRef.parse(real_stack.cluster)
    environment = {
        "name": "demo",
        "project": ref.project,
        "clusters": [{"name": ref.name, "location": ref.location}],
        "buildServiceAccount": f"builder@{ref.project}.iam.gserviceaccount.com",
    }
    (tmp_path / "demo.yaml").write_text(yaml.safe_dump(environment), "utf-8")
    account = real_stack.account(ASKER.format(ref.project))
    told = {"POOLWRIGHT_ENVIRONMENTS": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": str(account)}
    return Operator(real_stack.served.environment | told)


def findings(operator: Operator, check: str) -> list[dict[str, Any]]:
    said = operator.poolwright("doctor", "--output", "json")
    assert "Traceback" not in said.err
    return [each for each in json.loads(said.out)["findings"] if each["check"] == check]


@pytest.mark.slow
def test_what_is_deployed_from_the_archive_is_in_order(archive: Path, tmp_path: Path) -> None:
    with deployed(archive, tmp_path) as poolwright:
        deployment = poolwright.stage.deployment
        operator = Operator({**os.environ, **deployment.env})
        eventually("GPUs that are measured", lambda: operator.poolwright("doctor").status == 0)
        said = operator.poolwright("doctor")
        assert said.status == 0
        assert said.err == ""
        assert said.out.splitlines()[-1] == "problems: 0, warnings: 0, unknown: 0."


@pytest.mark.kubernetes
@pytest.mark.kubectl
@pytest.mark.slow
def test_what_rbac_lets_functions_do_is_known_to_whoever_may_ask(real_stack: RealStack, operator: Operator) -> None:
    found = findings(operator, "network path")
    assert {each["severity"] for each in found} == {"unknown", "warning"}
    assert any("function step may patch nodes: you may not look at it" in each["what"] for each in found)
    assert any(each["what"] == "you may not list configmaps in namespace poolwright" for each in found)

    asker = ASKER.format(real_stack.project)
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "asker"}}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": asker}
    bound = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "asker"}
    binding = {**role, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": bound}
    real_stack.apply({**role, "rules": MAY_ASK}, binding)
    found = findings(operator, "network path")
    assert {each["severity"] for each in found} == {"problem"}
    assert {"function step may not patch nodes", "function step may not create pods/eviction"} <= {
        each["what"] for each in found
    }

    example = real_stack.kubectl("kustomize", str(ROOT / "manifests" / "example")).stdout
    whole = list(yaml.safe_load_all(example.replace("@my-project.", f"@{real_stack.project}.")))
    whole.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gpu-tests"}})
    real_stack.apply(whole[-1], *whole[:-1])
    found = findings(operator, "network path")
    assert [each["severity"] for each in found] == ["ok"], found
    assert all(use.verb in ("get", "list", "create") for use in real_stack.audit(asker))
    assert {use.resource for use in real_stack.audit(asker) if use.verb == "create"} <= {
        "selfsubjectaccessreviews.authorization.k8s.io", "subjectaccessreviews.authorization.k8s.io",
        "selfsubjectaccessreviews", "subjectaccessreviews",
    }  # fmt: skip
    real_stack.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all([binding, role, *whole]))
