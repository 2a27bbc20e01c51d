"""A folder of environment files to write into."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from poolwright.environments import BadEnvironment, Environment, load

Json = dict[str, Any]
GOOD: Json = {
    "name": "dev",
    "project": "acme-dev",
    "clusters": [{"name": "serving", "location": "us-central1"}],
    "buildServiceAccount": "image-builder@acme-dev.iam.gserviceaccount.com",
}


class Folder:
    """Environment files; `dev` writes a good one with changes at dotted paths."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def dev(self, **changed: Any) -> None:
        self.write("dev.yaml", yaml.safe_dump(GOOD | changed, sort_keys=False))

    def load(self) -> Environment:
        return load(self.path)[0]

    def problems(self) -> list[str]:
        """Without the folder's name."""
        with pytest.raises(BadEnvironment) as raised:
            load(self.path)
        assert str(raised.value) == "\n".join(raised.value.problems)
        return [problem.replace(f"{self.path}/", "") for problem in raised.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "environments")


@pytest.fixture
def problem(folder: Folder) -> Callable[..., str]:
    """The one problem of a good file with these changes."""

    def only(**changed: Any) -> str:
        folder.dev(**changed)
        problems = folder.problems()
        assert len(problems) == 1, problems
        return problems[0]

    return only
