"""Every sample message, and what becomes of it."""

import pytest

from poolwright.events import cloud_build, incident, node_pool
from poolwright.events.cloud_build import BuildStatus
from poolwright.events.incident import Incident
from poolwright.events.node_pool import NodePoolChanged
from poolwright.verdicts import Irrelevant
from tests.payloads.samples import MESSAGE_ID, NAMES, PUBLISHED, SUBSCRIPTION, message

DECODERS = {"cloud-build": cloud_build.decode, "gke": node_pool.decode, "monitoring": incident.decode}


def decoded(name: str) -> object:
    decode = next(decode for prefix, decode in DECODERS.items() if name.startswith(prefix))
    return decode(message(name))


def build(number: str, run_id: str, status: str, failure: str) -> BuildStatus:
    build_id = f"6d0f6b1e-9a51-4c3e-8a6d-7d8fdcb2a0{number}"
    return BuildStatus(
        message_id=MESSAGE_ID,
        publish_time=PUBLISHED,
        subscription=SUBSCRIPTION,
        build_id=build_id,
        project="acme-gpu",
        project_number="314159265358",
        location="us-central1",
        status=status,
        product="boot-image",
        tags=("boot-image", "dev"),
        substitutions={"_ENV": "dev", "_RUN_ID": run_id},
        service_account="projects/acme-gpu/serviceAccounts/image-builder@acme-gpu.iam.gserviceaccount.com",
        failure=failure,
        log_url=f"https://console.cloud.google.com/cloud-build/builds;region=us-central1/{build_id}?project=314159265358",
    )


def audit(method: str, *, failed: bool = False) -> NodePoolChanged:
    return NodePoolChanged(
        message_id=MESSAGE_ID,
        publish_time=PUBLISHED,
        subscription=SUBSCRIPTION,
        project="acme-gpu",
        location="us-central1",
        cluster="serving",
        pool="l4-spot",
        method=method,
        operation="operation-1763632931514-0a1b2c3d-4e5f",
        how="audit",
        failed=failed,
    )


def notification(*, failed: bool) -> NodePoolChanged:
    return NodePoolChanged(
        message_id=MESSAGE_ID,
        publish_time=PUBLISHED,
        subscription=SUBSCRIPTION,
        project="314159265358",
        location="us-central1",
        cluster="serving",
        pool="l4-spot",
        method="UpgradeNodePool",
        operation="operation-1763640000000-aa",
        how="notification",
        failed=failed,
    )


def alert(policy: str, *, is_open: bool, observed: float | None, threshold: float) -> Incident:
    return Incident(
        message_id=MESSAGE_ID,
        publish_time=PUBLISHED,
        subscription=SUBSCRIPTION,
        incident_id="0.nqk3v8d0q7ya",
        project="acme-gpu",
        location="us-central1",
        cluster="serving",
        provisioner="l4-spot",
        open=is_open,
        policy=policy,
        observed_value=observed,
        threshold_value=threshold,
    )


HIGH, LOW = "l4-spot GPU utilization above 85 %", "l4-spot GPU utilization below 20 %"

EVENTS: dict[str, object] = {
    "cloud-build-boot-image-failure": build(
        "02", "43", "FAILURE", 'Build step failure: build step 1 "packer" failed: step exited with non-zero status: 1'
    ),
    "cloud-build-boot-image-success": build("01", "42", "SUCCESS", ""),
    "gke-create-node-pool-failed": audit("CreateNodePool", failed=True),
    "gke-create-node-pool-finished": audit("CreateNodePool"),
    "gke-update-node-pool-finished": audit("UpdateNodePool"),
    "gke-internal-upgrade-finished": audit("UpdateClusterInternal"),
    "gke-notification-upgrade-ended": notification(failed=False),
    "gke-notification-upgrade-info-failed": notification(failed=True),
    "monitoring-gpu-high-closed": alert(HIGH, is_open=False, observed=61.02, threshold=85),
    "monitoring-gpu-high-open": alert(HIGH, is_open=True, observed=92.531, threshold=85),
    "monitoring-gpu-low-open-no-value": alert(LOW, is_open=True, observed=None, threshold=20),
}

NOBODYS_CONCERN = {
    "cloud-build-unrelated-working": "WORKING",
    "gke-create-node-pool-started": "goes on",
    "gke-notification-end-of-support": "upgrade's end",
    "gke-notification-upgrade-available": "UpgradeAvailableEvent",
    "gke-notification-upgrade-info-started": "upgrade's end",
    "gke-notification-upgrade-started": "UpgradeEvent",
    "monitoring-unrelated": "no provisioner",
}


def test_every_sample_is_in_one_of_the_two_tables() -> None:
    assert sorted([*EVENTS, *NOBODYS_CONCERN]) == NAMES


@pytest.mark.parametrize("name", EVENTS)
def test_a_sample_that_concerns_us_becomes_an_event(name: str) -> None:
    assert decoded(name) == EVENTS[name]


@pytest.mark.parametrize("name", NOBODYS_CONCERN)
def test_a_sample_of_no_concern_is_irrelevant_and_says_why(name: str) -> None:
    with pytest.raises(Irrelevant, match=NOBODYS_CONCERN[name]):
        decoded(name)
