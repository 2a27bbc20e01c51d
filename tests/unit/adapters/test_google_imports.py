"""The import trick against the pinned library, each case in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared"
GROUPS = '("InstanceGroupManagersClient")'


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


def test_clients_come_with_the_messages_that_they_mention_and_no_others() -> None:
    printed = in_a_fresh_process("""
        import sys
        from poolwright.adapters.google_imports import CLIENTS, compute_client
        print(*(compute_client(name).__module__.rpartition(".")[0] for name in CLIENTS))
        print(*(name for name in sys.modules if name.startswith("google.cloud.compute_v1")))
        messages = sys.modules["poolwright.adapters.google_imports.messages"]
        print(hasattr(messages, "InstanceGroupManager"), hasattr(messages, "Image"), hasattr(messages, "VpnTunnel"))
        print(len(messages.__protobuf__.manifest) < 250)
    """)
    services = "google.cloud.compute_v1.services"
    assert printed.splitlines() == [
        f"{services}.instance_group_managers {services}.images",
        "",  # nothing half imported is left for others to find
        "True True False",
        "True",
    ]


def test_every_message_is_as_the_library_has_it() -> None:
    assert (
        in_a_fresh_process(f"""
        import sys
        from google.protobuf.descriptor_pb2 import DescriptorProto
        from poolwright.adapters import google_imports
        google_imports.compute_client{GROUPS}
        ours = sys.modules["poolwright.adapters.google_imports.messages"]
        from google.cloud.compute_v1.types import compute as theirs
        from google.cloud import compute_v1

        def told(module, name):
            description = DescriptorProto()
            getattr(module, name).pb().DESCRIPTOR.CopyToProto(description)
            return str(description).replace(module.__protobuf__.package, "PACKAGE")

        names = ours.__protobuf__.manifest
        messages = [name for name in names if hasattr(getattr(ours, name), "pb")]
        print(len(messages) > 100, [name for name in messages if told(ours, name) != told(theirs, name)])
        print(names <= theirs.__protobuf__.manifest)
        """)
        == "True []\nTrue"
    )


def test_every_name_that_the_clients_use_is_there() -> None:
    assert (
        in_a_fresh_process("""
        import sys
        from poolwright.adapters.google_imports import CLIENTS, compute_client
        used = set()
        for name in CLIENTS:
            for function in vars(compute_client(name)).values():
                code = getattr(getattr(function, "__func__", function), "__code__", None)
                used |= set(code.co_names) if code and "compute" in code.co_names else set()
        messages = sys.modules["poolwright.adapters.google_imports.messages"]
        from google.cloud.compute_v1.types import compute as theirs
        known = {name for name in used if hasattr(theirs, name) and name in theirs.__all__}
        print(len(known) > 20, sorted(name for name in known if not hasattr(messages, name)))
    """)
        == "True []"
    )


def test_the_plain_import_is_whole_afterwards_and_apart_from_ours() -> None:
    assert in_a_fresh_process(f"""
        from poolwright.adapters.google_imports import compute_client
        ours = compute_client{GROUPS}
        import google.cloud.compute_v1
        from google.cloud import compute_v1
        from google.cloud.compute_v1.types import Instance
        assert compute_v1 is google.cloud.compute_v1
        assert compute_v1.Instance is Instance is compute_v1.types.compute.Instance
        print(compute_v1.VpnTunnelsClient.__name__, compute_v1.InstanceGroupManagersClient is ours)
        print(compute_v1.InstanceGroupManager(name="g", target_size=2).target_size)
    """).splitlines() == ["VpnTunnelsClient False", "2"]


def test_after_the_plain_import_its_clients_are_taken() -> None:
    assert (
        in_a_fresh_process(f"""
        from google.cloud import compute_v1
        from poolwright.adapters import google_imports
        print(google_imports.compute_client{GROUPS} is compute_v1.InstanceGroupManagersClient)
    """)
        == "True"
    )


def test_threads_that_ask_at_once_get_the_same() -> None:
    assert (
        in_a_fresh_process("""
        from concurrent.futures import ThreadPoolExecutor
        from poolwright.adapters.google_imports import CLIENTS, compute_client
        with ThreadPoolExecutor(8) as pool:
            print(len(set(pool.map(compute_client, [*CLIENTS] * 8))))
    """)
        == "2"
    )


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
    clients = "class InstanceGroupManagersClient: 'of another layout'\nclass ImagesClient: pass\n"
    (package / "__init__.py").write_text(clients)
    if layout != "no folders":
        for part in ("types", "services"):
            (package / part).mkdir()
            (package / part / "__init__.py").write_text("")
        statements = "__protobuf__ = proto.module()\n" + ("__all__ = ()\n" if layout == "other services" else "")
        (package / "types" / "compute.py").write_text("import proto\n" + statements)


@pytest.mark.parametrize("layout", ["no folders", "other messages", "other services"])
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


CLOUD_BUILD = "from google.cloud.devtools.cloudbuild_v1.services.cloud_build import CloudBuildClient"


def test_cloud_builds_client_comes_without_aiohttp_which_is_there_for_others() -> None:
    assert in_a_fresh_process(f"""
        import sys
        from poolwright.adapters.google_imports import without_async_rest
        with without_async_rest():
            {CLOUD_BUILD}
        print("aiohttp" in sys.modules, CloudBuildClient.get_transport_class("rest").__name__)
        import google.auth.aio.transport.sessions
        print("aiohttp" in sys.modules)
    """).splitlines() == ["False CloudBuildRestTransport", "True"]


def test_who_has_asynchronous_rest_already_keeps_it() -> None:
    assert (
        in_a_fresh_process(f"""
        from google.auth.aio.transport import sessions
        import sys
        from poolwright.adapters.google_imports import without_async_rest
        with without_async_rest():
            {CLOUD_BUILD}
        print(sys.modules["google.auth.aio.transport.sessions"] is sessions)
    """)
        == "True"
    )


def test_clients_come_while_other_threads_import() -> None:
    printed = in_a_fresh_process("""
        import sys, threading
        sys.setswitchinterval(1e-6)
        done = threading.Event()

        def import_something() -> None:
            number = 0
            while not done.is_set():
                sys.modules[f"somebody_elses_{number}"] = sys
                number += 1

        other = threading.Thread(target=import_something)
        other.start()
        from poolwright.adapters.google_imports import CLIENTS, compute_client
        try:
            print(*(compute_client(name).__name__ for name in CLIENTS))
        finally:
            done.set()
            other.join()
        print(*(name for name in sys.modules if name.startswith("google.cloud.compute_v1")))
    """)
    assert printed.splitlines() == ["InstanceGroupManagersClient ImagesClient"]
