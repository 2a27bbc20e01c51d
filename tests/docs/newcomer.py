"""A newcomer: a clone of this checkout, a shell in it, and the commands of a page, none of them typed again here."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"  # of a virtual environment
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OF_OTHER_CLOUDS = ("CLOUDSDK_", "GOOGLE_", "POOLWRIGHT_", "PUBSUB_", "FIRESTORE_", "KUBECONFIG", "PYTHON", "MAKE")


def commands(page: str, *, before: str = "", after: str = "") -> str:
    """The `sh` blocks of a page of docs/, in order: those before a heading, or those after one."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    for heading in filter(None, (before, after)):
        assert text.count(f"\n{heading}\n") == 1, f"docs/{page} has no heading {heading!r}"
    if before:
        text = text.partition(f"\n{before}\n")[0]
    if after:
        text = text.partition(f"\n{after}\n")[2]
    return "".join(_BLOCK.findall(text))


def clone(folder: Path) -> Path:
    """The checkout as it is, in a folder of its own; what `make setup` would install, it takes from the checkout."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    _set_up(folder / ".venv", [str(folder / "shared"), *site.getsitepackages()])
    _set_up(folder / "build" / "functions-venv", [str(ROOT / "build" / "functions-venv" / PACKAGES)])
    program = folder / ".venv" / "bin" / "poolwright"
    program.write_text(f"#!{program.parent / 'python'}\nfrom poolwright.cli import main\nmain()\n", "utf-8")
    program.chmod(0o755)
    return folder


def _set_up(environment: Path, packages: list[str]) -> None:
    """A virtual environment that `make` takes for done, with packages that are elsewhere."""
    venv.create(environment, symlinks=True)
    (environment / PACKAGES / "elsewhere.pth").write_text("\n".join(packages) + "\n", "utf-8")
    (environment / ".done").touch()


def environment() -> dict[str, str]:
    """This process's variables without those of other clouds, virtual environments and makes."""
    path = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if ".venv" not in each)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHER_CLOUDS)}
    return kept | {"PATH": path}
