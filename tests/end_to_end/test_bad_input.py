"""What nobody should have published, at the deployed functions and through Pub/Sub: said clearly, done nothing about,
delivered no second time. A message that can never succeed is kept in the dead-letter topic with its reason; one that
is in order and concerns nobody is acknowledged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.cloud import pubsub_v1
from google.cloud.devtools import cloudbuild_v1

from tests.end_to_end.deployed import Deployed, Json, Kind, Letter, deployed, eventually, labels
from tests.payloads.samples import changed, load

ATTEMPTS = 5


@dataclass(frozen=True)
class Bad:
    """A message: where it goes, and the field that its refusal names."""

    topic: str
    function: str
    sample: Any
    where: str
    says: str = ""

    @property
    def data(self) -> bytes:
        body = self.sample["data"]
        return body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()

    @property
    def attributes(self) -> dict[str, str]:
        return dict(self.sample["attributes"])


def build(path: str, value: Any) -> Json:
    """The sample of a finished boot-image build of this environment, with one field changed."""
    sample = changed("cloud-build-boot-image-success", "substitutions._ENV", "demo")
    *parents, last = path.split(".")
    place = sample["data"]
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return sample


def notification(payload: str, **attributes: str) -> Json:
    sample = load("gke-notification-upgrade-info-started")
    given = sample["attributes"] | {"payload": payload} | attributes
    return {"attributes": {name: text for name, text in given.items() if text}, "data": sample["data"]}


def bare(data: Any, **attributes: str) -> Json:
    return {"attributes": attributes, "data": data}


def command(**fields: Any) -> Bad:
    where = fields.pop("where")
    return Bad("rollout-commands", "rollout_command", bare(fields), where, fields.pop("says", ""))


def audit(path: str, value: Any, where: str) -> Bad:
    return Bad("gke-audit", "node_pool_changed", changed("gke-create-node-pool-finished", path, value), where)


def alert(path: str, value: Any, where: str) -> Bad:
    return Bad("gpu-alerts", "gpu_alert", changed("monitoring-gpu-high-open", path, value), where)


def upgrade(where: str, payload: str, **attributes: str) -> Bad:
    return Bad("gke-notifications", "node_pool_changed", notification(payload, **attributes), where)


def work(where: str, data: Any) -> Bad:
    return Bad("work", "step", bare(data), where)


ENDED = json.dumps({"resourceType": "NODE_POOL", "state": "SUCCEEDED", "resource": "projects/1/nodePools/l4"})
LABELS = {"poolwright_provisioner": "l4", "poolwright_location": "us-central1"}
PLACE = {"location": "us-central1", "cluster": "serving", "cause": "somebody"}
REFUSED = {
    "a command that is not JSON": Bad("rollout-commands", "rollout_command", bare("stop it"), "message.data"),
    "a command that is no UTF-8": Bad("rollout-commands", "rollout_command", bare(b"\xff\xfe{}"), "message.data"),
    "a command that is a list": Bad("rollout-commands", "rollout_command", bare([1]), "message.data"),
    "a command of attributes alone": Bad("rollout-commands", "rollout_command", bare("", a="b"), "message.data"),
    "half a surrogate pair": Bad("rollout-commands", "rollout_command", bare('{"action": "\\ud800"}'), "message.data"),
    "a command without environment": command(action="pause", where="environment"),
    "a command with a number for its environment": command(action="pause", environment=7, where="environment"),
    "a command for an unknown environment": command(action="start", environment="nowhere", where="environment"),
    "an unknown action": command(action="restart", environment="demo", where="action"),
    "a mistyped field": command(action="start", environment="demo", runid=1, where="runid"),
    "a run without image": command(action="start", environment="demo", runId=4711, where="runId"),
    "a run id that is text": command(action="start", environment="demo", runId="1", where="runId"),
    "an unknown rollout": command(action="pause", environment="demo", rollout="demo-4711", where="rollout"),
    "a notification that is not JSON": Bad("notifications", "notify", bare("hello"), "message.data"),
    "a notification of a number": Bad("notifications", "notify", bare({"environment": "demo", "key": 7}), "key"),
    "a build for an unknown environment": Bad(
        "cloud-builds", "image_built", build("substitutions._ENV", "nowhere"), "substitutions._ENV"
    ),
    "a build of a made-up id": Bad("cloud-builds", "image_built", build("logUrl", ""), "id"),
    "a build of another project": Bad("cloud-builds", "image_built", build("projectId", "birch"), "id"),
    "a build without id": Bad("cloud-builds", "image_built", build("id", ...), "id"),
    "a build with text for its tags": Bad("cloud-builds", "image_built", build("tags", "boot-image"), "tags"),
    "a build with a number for a substitution": Bad(
        "cloud-builds", "image_built", build("substitutions._RUN_ID", 42), "substitutions[...]"
    ),
    "an audit entry that is not JSON": Bad("gke-audit", "node_pool_changed", bare("<entry/>"), "message.data"),
    "an audit entry without method": audit("protoPayload.methodName", ..., "protoPayload.methodName"),
    "an audit entry whose operation is odd": audit("operation.last", "true", "operation.last"),
    "an upgrade that is not JSON": upgrade("message.attributes.payload", "upgraded"),
    "an upgrade of no project": upgrade("message.attributes.project_id", ENDED, project_id=""),
    "an incident without state": alert("incident.state", ..., "incident.state"),
    "an incident of odd state": alert("incident.state", "ajar", "incident.state"),
    "an incident that names half a provisioner": alert(
        "incident.policy_user_labels", LABELS, "incident.policy_user_labels"
    ),
    "an incident of an unknown cluster": alert(
        "incident.policy_user_labels", LABELS | {"poolwright_cluster": "nowhere"}, "incident.policy_user_labels"
    ),
    "work of no kind": work("kind", {"kind": "nap"}),
    "work without a name": work("name", {"kind": "provisioner", "project": "acme-gpu", **PLACE}),
    "work with an empty name": work("rollout", {"kind": "rollout", "rollout": "", "cause": ""}),
}

HERE = {"project": "acme-gpu", **PLACE}
GROUP = {"kind": "group", "zone": "us-central1-a", "name": "gke-serving-l4-0-grp", "pool": "l4"}
OF_NO_CONCERN = {
    "a build of somebody else's product": Bad("cloud-builds", "image_built", build("tags", ["web"]), "tags"),
    "a pool of an unknown cluster": audit("resource.labels.cluster_name", "nowhere", "environments/"),
    "a pool of an unknown project": audit("resource.labels.project_id", "birch", "environments/"),
    "an unknown pool": audit("resource.labels.nodepool_name", "nowhere", "made up"),
    "an unknown provisioner": work(
        "poolwright_provisioner of the alert policy", {"kind": "provisioner", "name": "x", **HERE}
    ),
    "a group of an unknown cluster": work("no environment has", {**GROUP, **HERE, "cluster": "nowhere"}),
    "a group of an unknown project": work("no environment has", {**GROUP, **HERE, "project": "birch"}),
    "the step of an unknown rollout": work("demo-4711", {"kind": "rollout", "rollout": "demo-4711", "cause": "x"}),
}


@dataclass
class Quiet:
    """A deployment in which nothing happens by itself: no ticks, every GPU as busy as it should be."""

    cloud: Deployed
    before: dict[str, Any]
    published: list[tuple[str, str]] = field(default_factory=list)

    def publish(self, bad: Bad) -> tuple[str, Json]:
        """Publish; the message's id and the line that its function wrote about it."""
        message_id = self.cloud.publish(bad.topic, bad.data, **bad.attributes)
        self.published.append((bad.function, message_id))
        return message_id, self.line(bad.function, message_id)

    def line(self, function: str, message_id: str) -> Json:
        found: list[Json] = eventually(
            f"what {function} says of message {message_id}", lambda: self.answers(function, message_id)
        )
        return found[0]

    def answers(self, function: str, message_id: str) -> list[Json]:
        """The line that ends each delivery of a message."""
        lines = self.cloud.lines(function, message_id=message_id)
        return [line for line in lines if line["message"].startswith(f"message {message_id}")]

    def letter(self, message_id: str) -> Letter:
        """The dead letter made of a message."""

        def look() -> list[Letter]:
            letters = self.cloud.dead_letters()
            return [each for each in letters if each.attributes.get("poolwright-message-id") == message_id]

        found: list[Letter] = eventually(f"the dead letter of message {message_id}", look)
        return found[0]

    def untouched(self) -> bool:
        """Whether nothing was changed anywhere, but for what was heard and which looks were asked for."""
        heard: Json = {"records": 0, "hints": 0}
        return self.cloud.changes() == [] and self.cloud.documents() | heard == self.before | heard


@pytest.fixture(scope="module")
def quiet(archive: Path, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quiet]:
    with deployed(archive, tmp_path_factory.mktemp(kind), kind=kind, without=("tick",)) as cloud:
        cloud.forget()
        yield Quiet(cloud, cloud.documents())


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_never_succeed_is_refused_with_field_and_remedy_and_kept(quiet: Quiet, case: str) -> None:
    bad = REFUSED[case]
    message_id, line = quiet.publish(bad)
    letter = quiet.letter(message_id)
    assert letter.data == bad.data
    why = {name.removeprefix("poolwright-"): text for name, text in letter.attributes.items()}
    assert {name: text for name, text in why.items() if name in bad.attributes} == bad.attributes
    assert (why["function"], why["where"]) == (bad.function, bad.where)
    assert line["severity"] == "ERROR"
    assert line["message"] == f"message {message_id} refused: {why['where']}: {why['problem']}. {why['remedy']}"
    assert len(why["remedy"].split()) > 3
    assert labels(line)["subscription"].startswith(f"projects/{quiet.cloud.project}/subscriptions/")
    assert quiet.untouched()


@pytest.mark.parametrize("case", OF_NO_CONCERN)
def test_what_concerns_nobody_is_acknowledged_and_says_why(quiet: Quiet, case: str) -> None:
    bad = OF_NO_CONCERN[case]
    message_id, line = quiet.publish(bad)
    assert line["severity"] in ("DEBUG", "INFO")
    assert line["message"].startswith(f"message {message_id} concerns nobody: ")
    assert bad.where in line["message"]
    assert quiet.untouched()


def test_work_on_a_group_that_nobody_knows_changes_nothing(quiet: Quiet) -> None:
    message_id, line = quiet.publish(work("", {**GROUP, **HERE}))
    assert line["message"] == f"message {message_id} concerns nobody: gke-serving-l4-0-grp is gone"
    assert quiet.untouched()


def test_an_alert_on_an_unknown_provisioner_ends_where_the_cluster_is_asked(quiet: Quiet) -> None:
    named = {"poolwright_provisioner": "nowhere", "poolwright_cluster": "serving", "poolwright_location": "us-central1"}
    quiet.publish(alert("incident.policy_user_labels", named, ""))

    def look() -> list[Json]:
        return [line for line in quiet.cloud.lines("step") if "has no NodeProvisioner nowhere" in line["message"]]

    [line] = eventually("the step's line", look)
    assert "correct poolwright_provisioner of the alert policy" in line["message"]
    assert quiet.untouched()


def test_a_build_that_ran_as_somebody_else_is_not_rolled_out(quiet: Quiet) -> None:
    cloud = quiet.cloud.stage.story.cloud
    request = cloudbuild_v1.Build(
        steps=[{"name": "packer", "args": ["build", "."]}],
        tags=["boot-image", "demo"],
        substitutions={"_ENV": "demo", "_RUN_ID": "77"},
        service_account=f"projects/{cloud.project}/serviceAccounts/mallory@{cloud.project}.iam.gserviceaccount.com",
        options={"logging": "CLOUD_LOGGING_ONLY", "substitution_option": "ALLOW_LOOSE"},
    )
    parent = f"projects/{cloud.project}/locations/global"
    cloud.builds.create_build(request={"project_id": cloud.project, "parent": parent, "build": request})
    quiet.cloud.forget()

    def look() -> list[Json]:
        lines = quiet.cloud.lines("image_built")
        return [line for line in lines if line["severity"] == "ERROR" and "mallory" in line["message"]]

    [line] = eventually("the refusal of the build", look)
    letter = quiet.letter(labels(line)["message_id"])
    assert letter.attributes["poolwright-where"] == "serviceAccount"
    assert letter.attributes["poolwright-remedy"] in line["message"]
    on_record = quiet.cloud.documents()["builds"]
    assert ["refused" in str(each) and "mallory" in str(each) for each in on_record.values()] == [True]
    quiet.before["builds"] = on_record
    assert quiet.untouched()


BROKEN: dict[str, tuple[Any, str]] = {
    "not base64": (
        {"message": {"data": "%%%", "messageId": "b-1", "publishTime": "2026-11-20T10:00:00Z"}},
        "message.data",
    ),
    "no message": ({"subscription": "s"}, "message"),
    "no message id": ({"message": {"data": "e30=", "publishTime": "2026-11-20T10:00:00Z"}}, "message.messageId"),
    "no time": ({"message": {"data": "e30=", "messageId": "b-4"}}, "message.publishTime"),
    "odd attributes": (
        {"message": {"attributes": {"a": 1}, "messageId": "b-5", "publishTime": "2026-11-20T10:00:00Z"}},
        "message.attributes",
    ),
    "no JSON": (b"hello", "body"),
    "nothing": (b"", "body"),
    "a bomb of brackets": (b"[" * 200_000, "body"),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize(
    "function", ["image_built", "node_pool_changed", "gpu_alert", "rollout_command", "step", "tick", "notify"]
)
def test_an_envelope_that_no_pubsub_makes_is_refused_by_every_function(quiet: Quiet, function: str, case: str) -> None:
    body, where = BROKEN[case]
    size = len(quiet.cloud.lines(function))
    assert quiet.cloud.post(function, body) == (204, "")
    [line] = quiet.cloud.lines(function)[size:]
    message = body.get("message") if isinstance(body, dict) else None
    message_id = message.get("messageId", "unknown") if isinstance(message, dict) else "unknown"
    assert line["severity"] == "ERROR"
    assert line["message"].startswith(f"message {message_id} refused: {where}: ")
    assert quiet.untouched()


def test_ten_megabytes_by_http_are_answered_in_a_short_line(quiet: Quiet) -> None:
    data = base64.b64encode(b"[" * 10_000_000).decode()
    body = {"message": {"data": data, "messageId": "large-1", "publishTime": "2026-11-20T10:00:00Z"}}
    assert quiet.cloud.post("rollout_command", body)[0] == 422  # more than can be parked: Pub/Sub's own rule keeps it
    [line] = quiet.cloud.lines("rollout_command", message_id="large-1")
    assert len(line["message"]) < 1000
    assert "message.data: is not JSON" in line["message"]
    assert quiet.untouched()


def test_a_message_was_handled_once(quiet: Quiet) -> None:
    for function, message_id in quiet.published:
        assert len(quiet.answers(function, message_id)) == 1


def test_ten_megabytes_through_pubsub_end_as_a_dead_letter_of_pubsubs_own(quiet: Quiet) -> None:
    with pubsub_v1.SubscriberClient() as subscriber:
        name = subscriber.subscription_path(quiet.cloud.project, "rollout-command")
        topic = subscriber.get_subscription(subscription=name).dead_letter_policy.dead_letter_topic
        policy = {"dead_letter_topic": topic, "max_delivery_attempts": ATTEMPTS}
        subscription = {"name": name, "dead_letter_policy": policy}
        subscriber.update_subscription(subscription=subscription, update_mask={"paths": ["dead_letter_policy"]})
    data = b"[" * 9_999_900  # as large as Pub/Sub takes; with our reasons it would be too large
    message_id = quiet.cloud.publish("rollout-commands", data)
    line = quiet.line("rollout_command", message_id)
    assert "not parked: it is too large to publish" in line["message"]
    [letter] = eventually(
        "the dead letter", lambda: [each for each in quiet.cloud.dead_letters() if each.data == data], patience=90
    )
    assert letter.attributes["CloudPubSubDeadLetterSourceSubscription"] == "rollout-command"
    assert len(quiet.answers("rollout_command", message_id)) == ATTEMPTS
    assert quiet.untouched()
