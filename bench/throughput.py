"""Events that a core handles in a second: requests over the processor time that the worker spent on them.

Messages of no concern, most of what arrives on `cloud-builds`, beside the framework's hello world. Processor time, not
the clock's: whoever sends shares the machine. Rounds are interleaved; the least disturbed one counts.
"""

from __future__ import annotations

import os
from pathlib import Path

from bench.framework import HELLO, Function, environment, ours, running, written

HELLO_WORLD = "hello world"
AIM = 0.5
WARM_UP, EVENTS = 200, 2000
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def measure(*, functions: Path, folder: Path, rounds: int) -> int:
    """Measure and print the table; how many aims are missed."""
    candidates = [written(folder, HELLO_WORLD, HELLO, target="hello"), *ours(functions)]
    measured: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for _ in range(rounds):
        for candidate in candidates:
            measured[candidate.name].append(events_a_second(candidate, environment(functions)))
    return report({name: max(rates) for name, rates in measured.items()})


def events_a_second(function: Function, variables: dict[str, str]) -> float:
    """One after the other over one connection, after a warm-up."""
    with running(function, variables) as process:
        connection = process.first_answer()
        for _ in range(WARM_UP):
            process.post(connection)
        before = sum(map(processor_seconds, process.workers()))
        for _ in range(EVENTS):
            process.post(connection)
        spent = sum(map(processor_seconds, process.workers())) - before
        connection.close()
    return EVENTS / spent


def processor_seconds(pid: int) -> float:
    """User and system time of a process (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def report(measured: dict[str, float]) -> int:
    missed = 0
    print(f"{'events by':20} {'1/s/core':>13} {'ratio':>6}  aim")
    for name, rate in measured.items():
        if name == HELLO_WORLD:
            print(f"{name:20} {rate:13.0f} {'':6}  baseline")
            continue
        ratio = rate / measured[HELLO_WORLD]
        reached = ratio >= AIM
        print(f"{name:20} {rate:13.0f} {ratio:6.2f}  >= {AIM} of {HELLO_WORLD}: {'reached' if reached else 'MISSED'}")
        missed += not reached
    return missed
