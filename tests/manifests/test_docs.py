"""docs/provisioners.md shows the fields that there are and examples that are taken."""

from __future__ import annotations

import re
import textwrap

import yaml

from poolwright.capacity import status
from poolwright.capacity.provisioner import decode
from tools.provisioner_fields import PAGE, with_tables

TEXT = PAGE.read_text("utf-8")


def test_the_tables_are_the_definitions() -> None:
    assert with_tables(TEXT) == TEXT, "run python tools/provisioner_fields.py"


def test_every_example_is_one_that_the_functions_take() -> None:
    blocks = [textwrap.dedent(each) for each in re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE)]
    examples = [yaml.safe_load(each) for each in blocks if each.startswith("apiVersion:")]
    assert [decode(each).name for each in examples] == ["l4", "h100", "batch"]


def test_every_reason_of_the_status_is_explained() -> None:
    said = set(re.findall(r"`([A-Z]\w+)`", TEXT.partition("| Ready | reason")[2]))
    known = set(
        re.findall(r"\b(?:Holding|Growing|Shrinking|Working|Refused|SecondMaster|Suspended)\b", status.__doc__ or "")
    )
    assert known
    assert known <= said
