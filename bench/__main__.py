"""`python -m bench`: every figure; the status is 1 where an aim is missed."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import cold_start, throughput
from bench.framework import ROOT


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=7, help="how often each is measured (%(default)s)")
    options.add_argument("--functions", type=Path, default=ROOT / "functions", help="folder of main.py (%(default)s)")
    given = options.parse_args()
    missed = 0
    for bench in (cold_start, throughput):
        with tempfile.TemporaryDirectory() as folder:
            missed += bench.measure(functions=given.functions, folder=Path(folder), rounds=given.rounds)
        print()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
