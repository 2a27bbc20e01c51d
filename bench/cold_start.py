"""Cold starts under functions-framework: from the start of the process to its first answer, and its memory then.

Each function answers a message of no concern to it, beside the framework's hello world. `step` brings an instance group
to a new boot image (it reads GKE and Compute, makes a template, patches the group, records), beside a function that
only reads that group after a plain `import google.cloud.compute_v1`.

Rounds are interleaved, so that a busy minute of the machine meets all alike. The least counts: whatever else the
machine does only ever adds. On a busy machine the ratio of CPU seconds is the one to believe.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.fleet import Fleet
from bench.framework import HELLO, Function, Site, processor_seconds, resident, running, written
from bench.messages import group_to_change, of_no_concern
from bench.table import Figure, show

HELLO_AIM, COMPUTE_AIM, MEGABYTES_AIM = 1.3, 0.6, 130

PLAIN = """
import os

def read(request):
    import google.cloud.compute_v1 as compute_v1
    from google.auth.credentials import AnonymousCredentials

    client = compute_v1.InstanceGroupManagersClient(
        credentials=AnonymousCredentials(), client_options={"api_endpoint": os.environ["COMPUTE"]}
    )
    project, zone, name = os.environ["GROUP"].split()
    return client.get(project=project, zone=zone, instance_group_manager=name).name
"""


@dataclass(frozen=True)
class Start:
    """What a cold start took: wall clock, all its processes' CPU time, its largest process."""

    seconds: float
    cpu: float
    megabytes: float

    @classmethod
    def best(cls, starts: Sequence[Start]) -> Start:
        """The least seconds of several, and the most memory."""
        seconds, cpu = min(each.seconds for each in starts), min(each.cpu for each in starts)
        return cls(seconds, cpu, max(each.megabytes for each in starts))

    def columns(self, base: Start) -> tuple[str, ...]:
        """As printed."""
        return f"{self.megabytes:.0f}", f"{self.cpu:.2f}", f"{self.cpu / base.cpu:.2f}", f"{self.seconds:.3f}"


COLUMNS = ("MB", "CPU s", "CPU ratio", "s")


def measure_no_concern(site: Site, fleet: Fleet, *, rounds: int) -> None:
    """The first table."""
    hello, *functions = [written(site, "hello world", HELLO, target="hello"), *of_no_concern(site, fleet)]
    starts: dict[str, list[Start]] = {each.name: [] for each in (hello, *functions)}
    for _ in range(rounds):
        for each in (hello, *functions):
            starts[each.name].append(cold_start(each, site))
    base = Start.best(starts[hello.name])
    figures = [Figure(hello.name, base.columns(base))]
    for each in functions:
        best = Start.best(starts[each.name])
        ratio = best.seconds / base.seconds
        figures.append(Figure(each.name, best.columns(base), ratio, f"<= {HELLO_AIM}", ratio <= HELLO_AIM))
    show("Cold start until a message of no concern is answered", COLUMNS, figures)


def measure_compute(site: Site, fleet: Fleet, *, rounds: int) -> None:
    """The second."""
    group = f"{fleet.group.project} {fleet.group.zone} {fleet.group.name}"
    url = fleet.endpoints["compute.googleapis.com"]
    plain = written(site, "plain, read a group", PLAIN, target="read", COMPUTE=url, GROUP=group)
    step = group_to_change(site, fleet)
    plain_starts, step_starts = [], []
    for _ in range(rounds):
        plain_starts.append(cold_start(plain, site))
        image = fleet.release()
        step_starts.append(cold_start(step, site))
        if not fleet.image_of_group().endswith(f"/{image}"):
            raise SystemExit(f"{fleet.group.name} was not brought to {image}: what was measured is not the whole way")
    base, best = Start.best(plain_starts), Start.best(step_starts)
    ratio = best.seconds / base.seconds
    aim = f"<= {COMPUTE_AIM} and <= {MEGABYTES_AIM} MB"
    figures = [
        Figure(plain.name, base.columns(base)),
        Figure("step, change a group", best.columns(base), ratio, aim,
               ratio <= COMPUTE_AIM and best.megabytes <= MEGABYTES_AIM),
    ]  # fmt: skip
    show("Cold start of a function that calls Compute", COLUMNS, figures)


def cold_start(function: Function, site: Site) -> Start:
    """Start it, post its first message as soon as it listens, stop it."""
    with running(function, site) as process:
        process.first_answer().close()
        seconds = time.perf_counter() - process.began
        pids = [process.pid, *process.workers()]
        start = Start(seconds, sum(map(processor_seconds, pids)), max(map(resident, pids)))
        process.expect_no_complaint()
        return start
