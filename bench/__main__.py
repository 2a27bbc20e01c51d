"""`python -m bench`: every figure beside its baseline. A missed aim is printed, and is no failure."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from bench import archive, capacity, cold_start, rollout, storm, throughput
from bench.fleet import fleet
from bench.framework import ROOT, Site
from localcloud.deployment import unpack

PARTS = ("functions", "rollout", "capacity")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--rounds", type=int, default=7, help="how often each is measured (%(default)s)")
    options.add_argument("--archive", type=Path, default=ROOT / "dist" / "poolwright-functions.zip")
    options.add_argument(
        "--python", type=Path, default=ROOT / "build" / "functions-venv" / "bin" / "python",
        help="one that has what requirements.txt installs",
    )  # fmt: skip
    options.add_argument("--only", choices=PARTS, help="one part alone (all)")
    options.add_argument("--groups", type=int, default=rollout.GROUPS, help="of the rollout (%(default)s)")
    options.add_argument(
        "--growth",
        type=int,
        nargs="*",
        default=rollout.GROWTH,
        metavar="GROUPS",
        help="other sizes of it (%(default)s)",
    )
    given = options.parse_args()
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}, best of {given.rounds} rounds")
    if load > (os.cpu_count() or 1) / 2:
        print("The machine is busy: believe the ratios of CPU seconds, and take the others again when it is quiet.")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        site = Site(given.python.absolute(), unpack(given.archive, folder / "functions"), folder)
        if given.only in (None, "capacity"):
            capacity.measure(folder / "clusters", rounds=min(given.rounds, 3))
            storm.measure(site)
        if given.only in (None, "functions"):
            archive.measure(site, given.archive, rounds=given.rounds)
            with fleet(folder) as served:
                cold_start.measure_no_concern(site, served, rounds=given.rounds)
                cold_start.measure_compute(site, served, rounds=given.rounds)
                throughput.measure(site, served, rounds=min(given.rounds, 3))
        if given.only in (None, "rollout"):
            rollout.measure(site, groups=given.groups, growth=given.growth)


if __name__ == "__main__":
    main()
