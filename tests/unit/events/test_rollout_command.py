from typing import Any

import pytest

from poolwright.events import rollout_command
from poolwright.events.rollout_command import ACTIONS, RolloutCommand
from poolwright.verdicts import Refused
from tests.payloads.samples import MESSAGE_ID, PUBLISHED, SUBSCRIPTION, message


def decode(**fields: Any) -> RolloutCommand:
    return rollout_command.decode(message({"attributes": {}, "data": fields}))


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_and_an_environment_are_enough(action: Any) -> None:
    assert decode(action=action, environment="dev") == RolloutCommand(
        message_id=MESSAGE_ID,
        publish_time=PUBLISHED,
        subscription=SUBSCRIPTION,
        action=action,
        environment="dev",
        run_id=None,
        rollout=None,
        requester="",
        reason="",
    )


def test_a_command_may_say_which_image_who_and_why() -> None:
    command = decode(
        action="start", environment="dev", runId=42, rollout="dev-42", requester="ada@acme.example", reason="driver"
    )
    assert (command.run_id, command.rollout) == (42, "dev-42")
    assert (command.requester, command.reason) == ("ada@acme.example", "driver")


def test_a_start_and_a_roll_back_may_name_groups() -> None:
    assert decode(action="start", environment="dev", groups=["a", "us-central1-a/b", "a"]).groups == (
        "a",
        "us-central1-a/b",
    )
    assert decode(action="rollback", environment="dev", groups=["a"]).groups == ("a",)


def test_null_stands_for_left_out() -> None:
    command = decode(action="start", environment="dev", runId=None, rollout=None, groups=None)
    assert (command.run_id, command.groups) == (None, ())


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "action"),
        ({"action": "start"}, "environment"),
        ({"action": "start", "environment": ""}, "environment"),
        ({"action": "start", "environment": 5}, "environment"),
        ({"action": "explode", "environment": "dev"}, "action"),
        ({"action": None, "environment": "dev"}, "action"),
        ({"action": "start", "environment": "dev", "runId": "42"}, "runId"),
        ({"action": "start", "environment": "dev", "runId": 4.5}, "runId"),
        ({"action": "start", "environment": "dev", "runId": True}, "runId"),
        ({"action": "start", "environment": "dev", "runId": 0}, "runId"),
        ({"action": "start", "environment": "dev", "runId": -1}, "runId"),
        ({"action": "start", "environment": "dev", "run_id": 42}, "run_id"),
        ({"action": "start", "environment": "dev", "kubeEnv": {}}, "kubeEnv"),
        ({"action": "start", "environment": "dev", "": 1}, '""'),
        ({"action": "start", "environment": "dev", "requester": ["ada"]}, "requester"),
        ({"action": "start", "environment": "dev", "groups": "a"}, "groups"),
        ({"action": "start", "environment": "dev", "groups": [""]}, "groups"),
        ({"action": "pause", "environment": "dev", "groups": ["a"]}, "groups"),
    ],
)
def test_a_wrong_or_mistyped_field_is_refused_by_name_with_what_would_do(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused) as caught:
        decode(**fields)
    assert caught.value.where == where
    assert all(action in caught.value.remedy for action in ACTIONS)
