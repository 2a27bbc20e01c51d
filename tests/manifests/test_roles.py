"""The roles are written once: Terraform installs the charts, which tests/terraform compares with the manifests."""

from __future__ import annotations

import re

from tests.manifests.cluster import CHART, MANIFESTS


def test_terraform_installs_the_charts_and_has_no_roles_of_its_own() -> None:
    module = MANIFESTS.parent / "terraform" / "modules" / "cluster"
    text = (module / "main.tf").read_text("utf-8")
    charts = [(module / path).resolve() for path in re.findall(r'chart\s+= "\$\{path\.module\}/(.*)"', text)]
    assert charts == [CHART, MANIFESTS / "helm" / "provisioners"]
    assert set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE)) == {"helm_release"}
