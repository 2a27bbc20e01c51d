"""What the code counts is what Terraform makes metrics of, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from poolwright import metrics
from tests.observability import module
from tests.observability.conftest import Lines
from tests.observability.lines import at, entry, labels, number, of, takes, written

PRODUCT = Path(metrics.__file__).parent
METRICS = module.metrics()
NAMES = sorted(written())


def write(name: str) -> dict[str, Any]:
    """Have a metric written, each label with a value of its own; what was given."""
    given: dict[str, Any] = {
        label: 12.5 if parameter.annotation is float else f"some {label}"
        for label, parameter in written()[name].parameters.items()
    }
    getattr(metrics, name)(**given)
    return given


def test_there_is_a_metric_of_each_name_and_no_other() -> None:
    assert sorted(METRICS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_taken_by_its_metric_alone_with_every_label_and_its_number(name: str, lines: Lines) -> None:
    given = write(name)
    (line,) = lines()
    ((taken_by, found, value),) = of(METRICS, [line])
    assert taken_by == name
    numbers = [each for each in given.values() if isinstance(each, float)]
    assert found == {label: each for label, each in given.items() if isinstance(each, str)}
    assert value == (numbers[0] if numbers else 1)
    assert "value_extractor" in METRICS[name] if numbers else "value_extractor" not in METRICS[name]
    assert METRICS[name]["metric_descriptor"][0]["value_type"] == ("DISTRIBUTION" if numbers else "INT64")


def test_lines_of_other_services_and_lines_for_people_are_not_taken(lines: Lines) -> None:
    write("wave")
    (line,) = lines()
    filter_ = METRICS["wave"]["filter"]
    assert takes(filter_, entry(line))
    assert not takes(filter_, entry(line, service="somebody-elses"))
    assert not takes(filter_, entry({"severity": "INFO", "message": "metric wave: environment=dev verdict=passed"}))


def test_a_label_that_is_named_otherwise_is_missed(lines: Lines) -> None:
    write("wave")
    (line,) = lines()
    line["metric"]["result"] = line["metric"].pop("verdict")
    assert labels(METRICS["wave"], entry(line))["verdict"] is None
    assert number(METRICS["wave"], entry(line)) == 1
    assert at(entry(line), "jsonPayload.metric.name") == "wave"


@pytest.mark.parametrize("name", NAMES)
def test_each_is_written_somewhere_in_the_product(name: str) -> None:
    sources = [*PRODUCT.rglob("*.py"), PRODUCT.parents[1] / "functions" / "delivery.py"]
    assert any(re.search(rf"\bmetrics\.{name}\(", path.read_text("utf-8")) for path in sources)


def test_no_label_names_what_there_is_without_end() -> None:
    allowed = {
        "function", "outcome", "environment", "kind", "phase", "verdict", "gate", "run", "provisioner", "action",
        "group", "look", "cluster", "collection", "api", "place",
    }  # fmt: skip
    assert {label for each in METRICS.values() for label in each["label_extractors"]} == allowed
