"""`python -m localcloud.rehearsal`: the cloud that docs/deploy.md is gone through on, until it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from localcloud import deployment
from localcloud.rehearsal import modules
from localcloud.rehearsal.place import FOLDER, MANIFEST, ROOT

WORLD = ROOT / "localcloud" / "worlds" / "rehearsal.yaml"
LATER = ("POOLWRIGHT_STORE", "KUBECONFIG")  # which a person sets or makes on the way


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status."""
    given = _parser().parse_args(arguments)
    with _served(given.state, given.speed) as manifest:
        _write(manifest)
        told = FOLDER.relative_to(ROOT) / "env.sh"
        print(f"A Google Cloud of your own. In another terminal, in this folder:\n\n  source {told}\n")
        print("Then go through docs/deploy.md. Ctrl-C here ends it.", flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.pause()
    return 0


@contextlib.contextmanager
def _served(state: Path, speed: float) -> Iterator[dict[str, Any]]:
    modules.stop()  # what an earlier rehearsal has left
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    arguments = ["--state", str(state), "--speed", str(speed), "--pubsub", "embedded", "--firestore", "embedded"]
    with (FOLDER / "localcloud.log").open("ab") as log:
        process, manifest = deployment.serve(arguments, python=Path(sys.executable), log=log)
    try:
        yield manifest
    finally:
        modules.stop()
        process.terminate()
        process.wait(30)


def _write(manifest: dict[str, Any]) -> None:
    """The variables, and the programs that a rehearsal has in place of the real ones."""
    MANIFEST.write_text(json.dumps(manifest), "utf-8")
    programs = FOLDER / "bin"
    programs.mkdir()
    stand_in = programs / "terraform"
    path = f"{ROOT}:{ROOT / 'shared'}"
    command = f"PYTHONPATH={shlex.quote(path)} exec {shlex.quote(sys.executable)} -m localcloud.rehearsal.terraform"
    stand_in.write_text(f'#!/bin/sh\n{command} "$@"\n', "utf-8")
    stand_in.chmod(0o755)
    variables = {name: value for name, value in manifest["env"].items() if name not in LATER}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    lines += [f"export KUBECONFIG={shlex.quote(str(FOLDER / 'kubeconfig'))}", f'export PATH={programs}:"$PATH"']
    (FOLDER / "env.sh").write_text("\n".join(lines) + "\n", "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.rehearsal", description=__doc__)
    parser.add_argument("--state", type=Path, default=WORLD, metavar="FILE.yaml", help="the world to begin with")
    parser.add_argument("--speed", type=float, default=60.0, metavar="X", help="seconds of the world in one of yours")
    return parser


if __name__ == "__main__":
    sys.exit(main())
