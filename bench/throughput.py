"""Events that a core handles in a second: requests over the processor time that the worker spent on them.

Messages of no concern, most of what arrives on `cloud-builds`, beside the framework's hello world. Processor time, not
the clock's: whoever sends shares the machine. Rounds are interleaved; the best one counts, as in cold starts.
"""

from __future__ import annotations

from bench.fleet import Fleet
from bench.framework import HELLO, Function, Site, processor_seconds, running, written
from bench.messages import SAMPLES, of_no_concern
from bench.table import Figure, show

AIM = 0.5
WARM_UP, EVENTS = 200, 2000


def measure(site: Site, fleet: Fleet, *, rounds: int) -> None:
    """The third table: the functions to which strangers' messages come in numbers."""
    concerned = [each for each in of_no_concern(site, fleet) if each.name in SAMPLES]
    hello, *functions = [written(site, "hello world", HELLO, target="hello"), *concerned]
    rates: dict[str, list[float]] = {each.name: [] for each in (hello, *functions)}
    for _ in range(rounds):
        for each in (hello, *functions):
            rates[each.name].append(events_a_second(each, site))
    base = max(rates[hello.name])
    figures = [Figure(hello.name, (f"{base:.0f}",))]
    for each in functions:
        ratio = max(rates[each.name]) / base
        figures.append(Figure(each.name, (f"{max(rates[each.name]):.0f}",), ratio, f">= {AIM}", ratio >= AIM))
    show("Events of no concern a second and core", ("1/s",), figures)


def events_a_second(function: Function, site: Site) -> float:
    """One after the other over one connection, after a warm-up."""
    with running(function, site) as process:
        connection = process.first_answer()
        for _ in range(WARM_UP):
            process.post(connection)
        before = sum(map(processor_seconds, process.workers()))
        for _ in range(EVENTS):
            process.post(connection)
        spent = sum(map(processor_seconds, process.workers())) - before
        connection.close()
        process.expect_no_complaint()
    return EVENTS / spent
