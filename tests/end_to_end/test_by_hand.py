"""The script that the bench compares with does what poolwright does: group, template, image and kube-env."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.cloud import compute_v1

from bench import wide
from bench.rollout import SCRIPT
from poolwright.boot_images.kube_env import KubeEnv
from tests.end_to_end.serving import serve

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(
        shutil.which("gcloud") is None or shutil.which("jq") is None,
        reason="gcloud or jq is not installed: the bench's script goes untried",
    ),
]


def test_the_script_puts_a_group_on_the_image_and_keeps_the_rest_of_its_template(tmp_path: Path) -> None:
    fleet = wide.write(1, tmp_path)
    with serve("--state", str(fleet.world), "--speed", "600") as served:
        groups, templates = (
            served.compute(kind)
            for kind in (compute_v1.InstanceGroupManagersClient, compute_v1.InstanceTemplatesClient)
        )
        found = [
            (scope.rpartition("/")[2], group)
            for scope, some in groups.aggregated_list(project=wide.PROJECT)
            for group in some.instance_group_managers
        ]
        zone, group = next((zone, group) for zone, group in found if wide.BY_HAND in group.name)

        def properties() -> compute_v1.InstanceProperties:
            link = groups.get(project=wide.PROJECT, zone=zone, instance_group_manager=group.name).instance_template
            return templates.get(project=wide.PROJECT, instance_template=link.rpartition("/")[2]).properties

        before = properties()
        command = [str(SCRIPT), fleet.image, f"{group.name}={zone}"]
        done = subprocess.run(
            command, env={**os.environ, **served.manifest["env"]}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        after = properties()
    assert after.disks[0].initialize_params.source_image.endswith(f"/{fleet.image}")
    assert after.machine_type == before.machine_type
    was, now = ({item.key: item.value for item in each.metadata.items} for each in (before, after))
    kube_env = KubeEnv.parse(now.pop("kube-env")).get("POOLWRIGHT_BENCH")
    assert kube_env is not None
    assert kube_env.reveal() == "hello"
    del was["kube-env"]
    assert now == was
