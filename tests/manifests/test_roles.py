"""The roles of the manifests and those of the Terraform module are the same."""

from __future__ import annotations

import json
import re

import yaml

from tests.manifests.cluster import MANIFESTS, OBJECTS


def test_terraform_gives_the_same_roles() -> None:
    """Module cluster is there for those who bind the functions by Terraform."""
    text = (MANIFESTS.parent / "terraform" / "modules" / "cluster" / "main.tf").read_text("utf-8")
    there = {}
    for kind, body in re.findall(r'resource "kubernetes_(?:cluster_)?role_v1" "(\w+)" \{(.*?)\n\}', text, re.DOTALL):
        fields = re.findall(r"(api_groups|resources|verbs)\s+= (\[.*?\])", body)
        there[kind] = [tuple(json.loads(value) for _, value in fields[n : n + 3]) for n in range(0, len(fields), 3)]
    ours = {
        each["metadata"]["name"].removeprefix("poolwright-").replace("-", "_"): [
            (rule["apiGroups"], rule["resources"], rule["verbs"]) for rule in each["rules"]
        ]
        for path in (OBJECTS / "roles.yaml", MANIFESTS / "smoke-jobs" / "role.yaml")
        for each in yaml.safe_load_all(path.read_text("utf-8"))
        if each["kind"].endswith("Role")
    }
    assert there == ours
