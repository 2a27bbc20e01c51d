"""The import trick against the pinned library, each case in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
GROUPS = '("instance_group_managers", "InstanceGroupManagersClient")'


def in_a_fresh_process(program: str, *, path: tuple[Path, ...] = ()) -> str:
    """What the program prints."""
    search = os.pathsep.join(map(str, (*path, SHARED)))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_client_comes_without_the_others() -> None:
    printed = in_a_fresh_process(f"""
        import sys
        from poolwright.adapters.google_imports import compute_client
        print(compute_client{GROUPS}.__module__)
        services = "google.cloud.compute_v1.services."
        print(*sorted({{name.split(".")[4] for name in sys.modules if name.startswith(services)}}))
    """)
    client, services = printed.splitlines()
    assert client == "google.cloud.compute_v1.services.instance_group_managers.client"
    assert services == "instance_group_managers zone_operations"  # its writes can wait for their operations


def test_what_the_plain_import_gives_is_still_there_for_whoever_asks() -> None:
    assert in_a_fresh_process(f"""
        from poolwright.adapters.google_imports import compute_client
        ours = compute_client{GROUPS}
        import google.cloud.compute_v1
        from google.cloud import compute_v1
        from google.cloud.compute_v1.types import Instance
        from google.cloud.compute_v1 import *
        assert compute_v1 is google.cloud.compute_v1
        assert compute_v1.InstanceGroupManagersClient is ours
        assert compute_v1.Instance is Instance is compute_v1.types.Instance is compute_v1.types.compute.Instance
        print(ImagesClient.__name__, compute_v1.__version__ == compute_v1.gapic_version.__version__)
        try:
            compute_v1.NoSuchThing
        except AttributeError as error:
            print(error)
    """).splitlines() == ["ImagesClient True", "module 'google.cloud.compute_v1' has no attribute 'NoSuchThing'"]


def test_after_the_plain_import_nothing_is_replaced() -> None:
    assert in_a_fresh_process(f"""
        from google.cloud import compute_v1
        from poolwright.adapters import google_imports
        print(google_imports.lighten(google_imports.COMPUTE))
        print(google_imports.compute_client{GROUPS} is compute_v1.InstanceGroupManagersClient)
    """).split() == ["False", "True"]


@pytest.mark.parametrize("on", [True, False])
def test_garbage_is_collected_afterwards_as_before(on: bool) -> None:
    assert in_a_fresh_process(f"""
        import gc
        {"gc.enable" if on else "gc.disable"}()
        from poolwright.adapters.google_imports import compute_client
        compute_client{GROUPS}
        print(gc.isenabled())
    """) == str(on)


def other_library(folder: Path, *, layout: str) -> None:
    """A `google.cloud.compute_v1` that is laid out differently, in the `google.cloud` of the real one."""
    package = folder / "google" / "cloud" / "compute_v1"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("class InstanceGroupManagersClient: 'of another layout'\n")
    if layout == "services elsewhere":
        for part in ("types", "services"):
            (package / part).mkdir()
            (package / part / "__init__.py").write_text("")


@pytest.mark.parametrize("layout", ["no folders", "services elsewhere"])
def test_a_library_of_another_layout_is_imported_plainly(tmp_path: Path, layout: str) -> None:
    other_library(tmp_path, layout=layout)
    assert (
        in_a_fresh_process(
            f"""
        import google.cloud
        google.cloud.__path__ = [{str(tmp_path / "google" / "cloud")!r}, *google.cloud.__path__]
        from poolwright.adapters import google_imports
        client = google_imports.compute_client{GROUPS}
        import google.cloud.compute_v1 as whole
        print(client.__doc__, whole.InstanceGroupManagersClient is client)
        """
        )
        == "of another layout True"
    )


def test_a_library_that_is_missing_is_said_to_be_missing() -> None:
    assert (
        in_a_fresh_process(f"""
        import google.cloud
        google.cloud.__path__ = []
        from poolwright.adapters.google_imports import compute_client
        try:
            compute_client{GROUPS}
        except ModuleNotFoundError as error:
            print(error)
    """)
        == "No module named 'google.cloud.compute_v1'"
    )
