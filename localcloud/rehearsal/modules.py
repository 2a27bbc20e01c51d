"""What Terraform's modules make, made on the stand-in as far as it has it.

Module poolwright: the bucket for builds, topics, push subscriptions and functions (deployment.py, which a test compares
with the module). Module cluster: what its charts install. Module gpu-alerts: the channel and the alert policies. Roles,
the log sink and the scheduler's job are not needed: everybody may do everything here, and the stand-in tells and ticks
by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

from localcloud import storage
from localcloud.deployment import DEAD_LETTERS, SUBSCRIPTIONS, Deployment, identity, unpack
from localcloud.rehearsal.place import FOLDER, FUNCTIONS, MANIFEST, PYTHON, ROOT

Json = dict[str, Any]
CHANNEL = "poolwright"
PROVISIONERS = "nodeprovisioners.compute.poolwright.dev"


class Wrong(Exception):
    """What a person can put right; the text says how."""


def put_bucket(name: str) -> None:
    """Where packer's files are uploaded to."""
    answer = requests.post(f"{manifest()['endpoints'][storage.HOST]}/storage/v1/b", json={"name": name}, timeout=30)
    if answer.status_code != requests.codes.conflict:  # it is there
        answer.raise_for_status()


def deploy(archive: Path) -> int:
    """The functions of the archive in place of those that run, and subscriptions that push to them; how many."""
    stop()
    shutil.rmtree(FOLDER / "functions", ignore_errors=True)
    told = manifest()
    env = told["env"] | {"POOLWRIGHT_LOG_LEVEL": "DEBUG"}
    deployed = Deployment(python=PYTHON, source=unpack(archive, FOLDER / "functions"), env=env, folder=FOLDER)
    try:
        deployed.start()
    finally:
        processes = {each.name: each.process.pid for each in deployed.functions.values()}
        FUNCTIONS.write_text(json.dumps(processes), "utf-8")
    deployed.subscribe()
    subscriber = _subscriber()
    for each in SUBSCRIPTIONS:
        name = subscriber.subscription_path(told["project"], each.name)
        push = deployed._request(each, retry=True)["push_config"]
        subscriber.modify_push_config(subscription=name, push_config=push)
    return len(deployed.functions)


def install(project: str, context: str, provisioners: Json) -> None:
    """What the charts of module cluster install: manifests/base with the functions' identities; NodeProvisioners."""
    patches = [
        {
            "target": {"labelSelector": f"compute.poolwright.dev/function={function}"},
            "patch": json.dumps([{"op": "replace", "path": "/subjects/0/name", "value": identity(function, project)}]),
        }
        for function in ("step", "tick")
    ]
    folder = FOLDER / "cluster"
    folder.mkdir(exist_ok=True)
    base = os.path.relpath(ROOT / "manifests" / "base", folder)
    (folder / "kustomization.yaml").write_text(json.dumps({"resources": [base], "patches": patches}), "utf-8")
    _kubectl(context, "apply", "--kustomize", str(folder))
    _kubectl(context, "wait", "--for=condition=Established", "--timeout=60s", f"crd/{PROVISIONERS}")
    there = _kubectl(context, "get", PROVISIONERS, "--output=name").split()
    if gone := [each for each in there if each.rpartition("/")[2] not in provisioners]:
        _kubectl(context, "delete", *gone)
    for name, spec in provisioners.items():
        head = {"apiVersion": "compute.poolwright.dev/v1alpha1", "kind": "NodeProvisioner", "metadata": {"name": name}}
        _kubectl(context, "apply", "--filename=-", stdin=json.dumps(head | {"spec": spec}))


def _kubectl(context: str, *words: str, stdin: str = "") -> str:
    command = ["kubectl", "--context", context, *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Wrong(f"{' '.join(command[:4])}: {done.stderr.strip()}")
    return done.stdout


def watch(project: str, cluster: Json, provisioners: Json) -> int:
    """The channel, and the policies of module gpu-alerts; how many of these there are."""
    policies, channels = _monitoring()
    parent = f"projects/{project}"
    channel = next((each for each in channels.list_notification_channels(name=parent)), None)
    if channel is None:
        topic = {"topic": f"{parent}/topics/gpu-alerts"}
        body: Json = {"type_": "pubsub", "display_name": CHANNEL, "labels": topic}
        channel = channels.create_notification_channel(name=parent, notification_channel=body)
    for each in policies.list_alert_policies(name=parent):
        policies.delete_alert_policy(name=each.name)
    wanted = [policy for each in alerts(cluster, provisioners) for policy in alert_policies(each, channel.name)]
    for policy in wanted:
        policies.create_alert_policy(name=parent, alert_policy=policy)
    return len(wanted)


def alerts(cluster: Json, provisioners: Json) -> list[Json]:
    """What module cluster hands to module gpu-alerts."""
    limits = {"min_percent": "minGPUUtilizationPercent", "max_percent": "maxGPUUtilizationPercent"}
    return [
        {"provisioner": name, "cluster": cluster["name"], "location": cluster["location"]}
        | {limit: spec.get(field) for limit, field in limits.items()}
        for name, spec in provisioners.items()
    ]


def alert_policies(provisioner: Json, channel: str) -> list[Json]:
    """What module gpu-alerts makes of one of its provisioners."""
    sides = (("COMPARISON_GT", "max_percent", "above"), ("COMPARISON_LT", "min_percent", "below"))
    return [
        _policy(provisioner, channel, comparison=comparison, percent=provisioner[limit], word=word)
        for comparison, limit, word in sides
        if provisioner.get(limit) is not None
    ]


def _policy(each: Json, channel: str, *, comparison: str, percent: float, word: str) -> Json:
    terms = (
        'metric.type = "kubernetes.io/node/accelerator/duty_cycle"', 'resource.type = "k8s_node"',
        f'resource.labels.cluster_name = "{each["cluster"]}"', f'resource.labels.location = "{each["location"]}"',
    )  # fmt: skip
    mean = {"per_series_aligner": "ALIGN_MEAN", "cross_series_reducer": "REDUCE_MEAN"}
    threshold = {
        "filter": " AND ".join(terms), "comparison": comparison, "threshold_value": percent,
        "duration": {"seconds": each.get("duration_seconds", 300)},
        "aggregations": [{"alignment_period": {"seconds": 60}, **mean}],
    }  # fmt: skip
    name = each["provisioner"]
    return {
        "display_name": f"poolwright: GPUs of {name} in {each['cluster']} {word} {percent} %",
        "combiner": "OR",
        "conditions": [{"display_name": f"Mean GPU duty cycle {word} {percent} %", "condition_threshold": threshold}],
        "user_labels": {
            "poolwright_provisioner": name, "poolwright_cluster": each["cluster"],
            "poolwright_location": each["location"],
        },
        "notification_channels": [channel],
        "alert_strategy": {"auto_close": {"seconds": 3600}},
    }  # fmt: skip


def remove(context: str) -> None:
    """Take down all of it."""
    _kubectl(context, "delete", "--ignore-not-found", "--kustomize", str(FOLDER / "cluster"))
    stop()
    project = manifest()["project"]
    subscriber, (policies, channels) = _subscriber(), _monitoring()
    for name in [*(each.name for each in SUBSCRIPTIONS), DEAD_LETTERS]:
        subscriber.delete_subscription(subscription=subscriber.subscription_path(project, name))
    for policy in policies.list_alert_policies(name=f"projects/{project}"):
        policies.delete_alert_policy(name=policy.name)
    for channel in channels.list_notification_channels(name=f"projects/{project}"):
        channels.delete_notification_channel(name=channel.name)


def stop() -> None:
    """End the functions that are deployed."""
    processes = json.loads(FUNCTIONS.read_text("utf-8")) if FUNCTIONS.exists() else {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        end = time.monotonic() + 10
        while any(map(_lives, processes.values())) and time.monotonic() < end:
            time.sleep(0.05)
    FUNCTIONS.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def manifest() -> Json:
    if not MANIFEST.exists():
        raise Wrong("no rehearsal is running; start one: .venv/bin/python -m localcloud.rehearsal")
    found: Json = json.loads(MANIFEST.read_text("utf-8"))
    return found


def _subscriber() -> Any:
    from google.cloud import pubsub_v1

    return pubsub_v1.SubscriberClient()


def _monitoring() -> tuple[Any, Any]:
    """Clients of alert policies and of channels."""
    import grpc
    from google.cloud import monitoring_v3

    target = manifest()["endpoints"]["monitoring.googleapis.com"].removeprefix("http://")
    channel = grpc.insecure_channel(target)
    policies = monitoring_v3.AlertPolicyServiceClient
    channels = monitoring_v3.NotificationChannelServiceClient
    return (
        policies(transport=policies.get_transport_class("grpc")(channel=channel)),
        channels(transport=channels.get_transport_class("grpc")(channel=channel)),
    )
