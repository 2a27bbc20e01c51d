"""Planning for the pool of `examples`, with what a test changes."""

from typing import Any

import msgspec
import yaml

from poolwright.boot_images import mutation
from poolwright.boot_images.checks import NodePolicy
from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.boot_images.substitutions import (
    Substitutions,
)
from tests.unit.boot_images.examples import CANARY, group, image, template

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


KUBELET_CONFIG = f"""\
kind: KubeletConfiguration  # GKE's
evictionHard:
  memory.available: 100Mi
maxPods: 110
staticPodURLHeader:
  Authorization: [{CANARY}]
"""
