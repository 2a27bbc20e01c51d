"""docs/observability.md lists every metric and alert as the code and Terraform have them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from poolwright import metrics
from tests.observability import module
from tests.observability.lines import written

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "observability.md").read_text("utf-8")


def table_of_metrics() -> str:
    """The table, from the functions of poolwright/metrics.py."""
    lines = ["| metric | labels | measures | meaning |", "|---|---|---|---|"]
    for name, signature in written().items():
        parameters = signature.parameters.values()
        labels = ", ".join(f"`{each.name}`" for each in parameters if each.annotation is not float)
        measured = next((each.name for each in parameters if each.annotation is float), "")
        meaning = " ".join((inspect.getdoc(getattr(metrics, name)) or "").split())
        lines.append(f"| `{name}` | {labels} | {measured} | {meaning} |")
    return "\n".join(lines)


def table_of_alerts() -> str:
    """The table, from terraform/modules/poolwright/observability.tf."""
    lines = ["| alert | opens when | severity |", "|---|---|---|"]
    for name, alert in sorted(module.alerts().items()):
        (condition,) = alert["conditions"]
        lines.append(f"| [{name}](recover.md#{name}) | {condition['display_name']} | {alert['severity']} |")
    return "\n".join(lines)


def test_the_page_has_the_metrics() -> None:
    assert table_of_metrics() in PAGE, f"put this into docs/observability.md:\n{table_of_metrics()}"


def test_the_page_has_the_alerts() -> None:
    assert table_of_alerts() in PAGE, f"put this into docs/observability.md:\n{table_of_alerts()}"


def test_the_page_has_the_settings_of_alerts() -> None:
    variable = module._variables()["alerts"]
    for name, default in re.findall(r"(\w+)\W+optional\(number, (\d+)\)", str(variable["type"])):
        assert f"| `{name}` | {default} |" in PAGE, name
