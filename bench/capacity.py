"""One decision of a provisioner, from the bytes that the apiserver and Compute send to the answer, beside no more than
turning the same bytes into objects; its memory, and how both grow with the cluster.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import big_cluster
from bench.framework import ROOT
from bench.table import Figure, show

NODES, GROWTH = 5000, (1250, 2500, 5000)
SECONDS_AIM, MEMORY_AIM, GROWTH_AIM = 1.0, 300.0, 1.1


@dataclass(frozen=True)
class Ran:
    """One decision, and its baseline: processor seconds; MB of the process that decided."""

    nodes: int
    seconds: float
    baseline: float
    megabytes: float
    baseline_megabytes: float
    said: str


def measure(folder: Path, *, rounds: int) -> None:
    """The table."""
    ran = [_measured(folder / f"nodes-{nodes}", nodes, rounds=rounds) for nodes in sorted({NODES, *GROWTH})]
    main = next(each for each in ran if each.nodes == NODES)
    show(
        f"One decision on {NODES} nodes with {NODES * big_cluster.PODS} pods",
        ("CPU s", "MB"),
        [
            Figure("json.loads of the same pages", (f"{main.baseline:.2f}", f"{main.baseline_megabytes:.0f}")),
            Figure("poolwright", (f"{main.seconds:.2f}", f"{main.megabytes:.0f}"), main.seconds / main.baseline,
                   f"<= {SECONDS_AIM:.0f} s and <= {MEMORY_AIM:.0f} MB",
                   main.seconds <= SECONDS_AIM and main.megabytes <= MEMORY_AIM),
        ],
    )  # fmt: skip
    print(f"It decided: {main.said}")
    figures = [
        Figure(f"{each.nodes} nodes", (f"{each.seconds:.2f}", f"{each.megabytes:.0f}"), each.seconds / each.baseline)
        for each in ran
    ]
    show("Growth; the ratio is to the pages' json.loads", ("CPU s", "MB"), figures)
    found = math.log(ran[-1].seconds / ran[0].seconds) / math.log(ran[-1].nodes / ran[0].nodes)
    print(f"Seconds grow with nodes^{found:.2f}; aim <= {GROWTH_AIM}: {'met' if found <= GROWTH_AIM else 'MISSED'}")


def _measured(folder: Path, nodes: int, *, rounds: int) -> Ran:
    """The best of some rounds, interleaved with the baseline's."""
    big_cluster.write(folder, nodes)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(_child(folder, "parse"))
        ours.append(_child(folder, "decide"))
    best, base = min(ours, key=lambda each: each["seconds"]), min(theirs, key=lambda each: each["seconds"])
    return Ran(nodes, best["seconds"], base["seconds"], best["megabytes"], base["megabytes"], best["said"])


def _child(folder: Path, what: str) -> dict[str, Any]:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "shared")))
    done = subprocess.run(
        [sys.executable, "-m", "bench.decision", str(folder), what],
        env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
