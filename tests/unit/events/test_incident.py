from typing import Any

import pytest

from poolwright.events import incident
from poolwright.verdicts import Irrelevant, Refused
from tests.payloads.samples import changed, message

OPEN = "monitoring-gpu-high-open"
LABELS = {"poolwright_provisioner": "h100", "poolwright_cluster": "training", "poolwright_location": "us-central1-a"}


@pytest.mark.parametrize("labels", [..., None, {}, {"team": "ml"}])
def test_an_incident_of_a_policy_without_our_labels_concerns_nobody(labels: Any) -> None:
    with pytest.raises(Irrelevant, match="no provisioner"):
        incident.decode(message(changed(OPEN, "incident.policy_user_labels", labels)))


def test_the_policys_labels_name_the_provisioner_whatever_the_resource_says() -> None:
    sample = changed(OPEN, "incident.policy_user_labels", LABELS)
    del sample["data"]["incident"]["resource"]
    event = incident.decode(message(sample))
    assert (event.provisioner, event.cluster, event.location) == ("h100", "training", "us-central1-a")


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_policy_that_names_half_a_provisioner_is_refused_with_what_it_lacks(name: str, how: str) -> None:
    labels = {**LABELS, name: ""} if how == "empty" else {key: LABELS[key] for key in LABELS if key != name}
    with pytest.raises(Refused) as caught:
        incident.decode(message(changed(OPEN, "incident.policy_user_labels", labels)))
    assert caught.value.where == "incident.policy_user_labels"
    assert name in caught.value.problem


@pytest.mark.parametrize(
    ("value", "number"),
    [("92.5", 92.5), ("", None), (..., None), (None, None), ("high", None), ("nan", None), ("inf", None), (7, 7.0)],
)
def test_an_observed_value_is_a_number_or_unknown(value: Any, number: float | None) -> None:
    assert incident.decode(message(changed(OPEN, "incident.observed_value", value))).observed_value == number


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("incident", ..., "incident"),
        ("incident", "text", "incident"),
        ("incident.state", ..., "incident.state"),
        ("incident.state", "ajar", "incident.state"),
        ("incident.state", 1, "incident.state"),
        ("incident.incident_id", 7, "incident.incident_id"),
        ("incident.scoping_project_id", ..., "incident.scoping_project_id"),
        ("incident.policy_user_labels", ["l4-spot"], "incident.policy_user_labels"),
        ("incident.policy_user_labels", {**LABELS, "poolwright_cluster": 5}, "incident.policy_user_labels[...]"),
        ("incident.observed_value", ["92"], "incident.observed_value"),
    ],
)
def test_a_malformed_incident_is_refused_by_the_name_of_the_field(path: str, value: Any, where: str) -> None:
    with pytest.raises(Refused) as caught:
        incident.decode(message(changed(OPEN, path, value)))
    assert caught.value.where == where
