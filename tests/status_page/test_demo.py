"""The status page as the demo serves it when it is kept running: from the deployment archive, beside the functions."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from localcloud.deployment import STATUS_PAGE
from tests.end_to_end.deployed import PYTHON, deployed
from tools import package

pytestmark = pytest.mark.slow


def test_it_is_served_from_the_archive_and_shows_the_demos_fleet(tmp_path: Path) -> None:
    assert PYTHON.exists()
    with deployed(package.build(tmp_path / "functions.zip"), tmp_path / "demo") as cloud:
        cloud.stage.deployment.start([STATUS_PAGE])
        page = cloud.stage.deployment.functions[STATUS_PAGE].url
        with urllib.request.urlopen(f"{page}fleet.json", timeout=60) as answer:
            (found,) = json.load(answer)["environments"]
        assert {each["cluster"]: each["known"] for each in found["clusters"]} == {
            "serving": "known",
            "training": "known",
        }
        with urllib.request.urlopen(f"{page}fleet", timeout=60) as answer:
            assert b"gke-serving-l4-" in answer.read()
        for name in ("style.css", "live.js", "icon.svg"):
            with urllib.request.urlopen(f"{page}{name}", timeout=60) as answer:
                assert answer.status == 200
