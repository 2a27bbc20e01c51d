"""The deployment archive: how large it is beside all that it is made from, and how long main.py takes to import beside
what every function of functions-framework imports.

Processor time, not the clock's, of a new process each; rounds are interleaved, and the best one counts.
"""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench.framework import ROOT, Site
from bench.table import Figure, show

IMPORT_AIM, SIZE_AIM = 1.2, 1.0


def measure(site: Site, archive: Path, *, rounds: int) -> None:
    """Both tables."""
    sources = [each for folder in ("functions", "shared/poolwright") for each in _files(ROOT / folder)]
    whole, packed = sum(each.stat().st_size for each in sources), archive.stat().st_size
    members = list(_files(site.source))
    ratio = packed / whole
    figures = [
        Figure("sources", (str(len(sources)), f"{whole / 1000:.0f}")),
        Figure("archive", (str(len(members)), f"{packed / 1000:.0f}"), ratio, f"<= {SIZE_AIM:.0f}", ratio <= SIZE_AIM),
    ]
    show("The deployment archive", ("files", "kB"), figures)

    programs = {"the framework": "import functions_framework", "main.py as well": "import functions_framework, main"}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            seconds[name].append(_processor_seconds(site, program))
    base, ours = (min(each) for each in seconds.values())
    ratio = ours / base
    figures = [
        Figure("the framework", (f"{base:.3f}",)),
        Figure("main.py as well", (f"{ours:.3f}",), ratio, f"<= {IMPORT_AIM}", ratio <= IMPORT_AIM),
    ]
    show("Import of the archive", ("CPU s",), figures)


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file() and each.suffix != ".pyc")


def _processor_seconds(site: Site, program: str) -> float:
    """Of a new process that runs the program where the archive is unpacked."""
    before = _of_children()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    subprocess.run([str(site.python), "-c", program], cwd=site.source, env=env, check=True)
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
