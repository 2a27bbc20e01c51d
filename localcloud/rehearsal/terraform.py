"""`terraform` in a rehearsal: init, apply, output and destroy of terraform/examples/minimal, on the stand-in.

The real one needs Google's provider, which comes from HashiCorp's registry alone. This one reads the same inputs and makes
what the modules make as far as the stand-in has it: topics, push subscriptions and functions (deployment.py, which a test
compares with the modules), the channel and the alert policies. Roles, the log sink and the scheduler's job it need not
make: the stand-in lets everybody do everything, and tells and ticks by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import hcl2

from localcloud.deployment import DEAD_LETTERS, SUBSCRIPTIONS, Deployment, unpack
from localcloud.rehearsal.place import FOLDER, FUNCTIONS, MANIFEST, PYTHON

Json = dict[str, Any]
VARIABLES = "terraform.tfvars"
CHANNEL = "poolwright"


class Wrong(Exception):
    """What a person can put right; the text says how."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return int(COMMANDS[given.command](given) or 0)
    except Wrong as wrong:
        print(f"Error: {wrong}", file=sys.stderr)
        return 1


def inputs(module: Path) -> Json:
    """The values of the module's variables: terraform.tfvars, else their defaults. Wrong."""
    declared: Json = {}
    for block in hcl2.loads((module / "variables.tf").read_text("utf-8"))["variable"]:
        declared |= {_text(name): body for name, body in block.items() if name != "__is_block__"}
    path = module / VARIABLES
    told = {name: _plain(value) for name, value in hcl2.loads(path.read_text("utf-8")).items()} if path.exists() else {}
    if strange := sorted(told.keys() - declared.keys() - {"__is_block__"}):
        raise Wrong(f"{path} gives {', '.join(strange)}, which {module / 'variables.tf'} does not declare")
    if missing := [name for name, body in declared.items() if name not in told and "default" not in body]:
        raise Wrong(f"no value for {', '.join(missing)}: give them in {path}")
    return {name: told[name] if name in told else _plain(body["default"]) for name, body in declared.items()}


def _text(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


def _plain(value: Any) -> Any:
    """A value as hcl2 reads it, without the quotes that it keeps."""
    if isinstance(value, dict):
        return {_text(key): _plain(each) for key, each in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _text(value) if isinstance(value, str) else value


def _init(given: argparse.Namespace) -> None:
    inputs_of = given.chdir / "variables.tf"
    if not inputs_of.exists():
        raise Wrong(f"{given.chdir} is no module: {inputs_of} is missing")
    print("Rehearsal: no provider is needed.")


def _apply(given: argparse.Namespace) -> None:
    values = inputs(given.chdir)
    project = _manifest()["project"]
    if values["project_id"] != project:
        raise Wrong(f"the rehearsal's project is {project}, and project_id is {values['project_id']}")
    archive = (given.chdir / values["archive"]).resolve()
    if not archive.is_file():
        raise Wrong(f"{archive} is missing; make package writes it")
    deployed = _deploy(archive)
    policies = _watch(project, values["provisioners"])
    print(
        f"Apply complete! {len(deployed.functions)} functions, {len(SUBSCRIPTIONS)} subscriptions, {policies} policies."
    )


def _deploy(archive: Path) -> Deployment:
    """The functions of the archive in place of those that run; subscriptions that push to them."""
    stop()
    shutil.rmtree(FOLDER / "functions", ignore_errors=True)
    manifest = _manifest()
    env = manifest["env"] | {"POOLWRIGHT_LOG_LEVEL": "DEBUG"}
    deployed = Deployment(python=PYTHON, source=unpack(archive, FOLDER / "functions"), env=env, folder=FOLDER)
    try:
        deployed.start()
    finally:
        processes = {each.name: each.process.pid for each in deployed.functions.values()}
        FUNCTIONS.write_text(json.dumps(processes), "utf-8")
    deployed.subscribe()
    subscriber = _subscriber()
    for each in SUBSCRIPTIONS:
        name = subscriber.subscription_path(manifest["project"], each.name)
        push = deployed._request(each, retry=True)["push_config"]
        subscriber.modify_push_config(subscription=name, push_config=push)
    return deployed


def _watch(project: str, provisioners: Json) -> int:
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
    wanted = [policy for each in provisioners.values() for policy in alert_policies(each, channel.name)]
    for policy in wanted:
        policies.create_alert_policy(name=parent, alert_policy=policy)
    return len(wanted)


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


def _output(given: argparse.Namespace) -> None:
    """The outputs that docs/deploy.md asks for."""
    manifest = _manifest()
    known = {
        "store": manifest["env"]["POOLWRIGHT_STORE"],
        "build_service_account": f"poolwright-builder@{manifest['project']}.iam.gserviceaccount.com",
    }
    if given.name not in known:
        raise Wrong(f"a rehearsal has no output {given.name!r}; there are {', '.join(known)}")
    print(known[given.name], end="")


def _destroy(given: argparse.Namespace) -> None:
    stop()
    project = _manifest()["project"]
    subscriber, (policies, channels) = _subscriber(), _monitoring()
    for name in [*(each.name for each in SUBSCRIPTIONS), DEAD_LETTERS]:
        subscriber.delete_subscription(subscription=subscriber.subscription_path(project, name))
    for policy in policies.list_alert_policies(name=f"projects/{project}"):
        policies.delete_alert_policy(name=policy.name)
    for channel in channels.list_notification_channels(name=f"projects/{project}"):
        channels.delete_notification_channel(name=channel.name)
    print("Destroy complete!")


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


def _manifest() -> Json:
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

    target = _manifest()["endpoints"]["monitoring.googleapis.com"].removeprefix("http://")
    channel = grpc.insecure_channel(target)
    policies = monitoring_v3.AlertPolicyServiceClient
    channels = monitoring_v3.NotificationChannelServiceClient
    return (
        policies(transport=policies.get_transport_class("grpc")(channel=channel)),
        channels(transport=channels.get_transport_class("grpc")(channel=channel)),
    )


COMMANDS = {"init": _init, "apply": _apply, "output": _output, "destroy": _destroy}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="terraform", description="Terraform, as a rehearsal has it.")
    parser.add_argument("-chdir", type=Path, default=Path(), metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name)
        if name == "output":
            command.add_argument("-raw", action="store_true")
            command.add_argument("name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
