"""Whether something heals each minute, and whether anything is to be done at all."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.references import last_part
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight

says = Says("ticks")
TOPIC = "ticks"


def check(sight: Sight) -> Iterator[Finding]:
    """The scheduler's job, then the store with its stop."""
    yield from says.or_ok(_job(sight), "scheduler", "a job publishes a tick each minute")
    yield from says.or_ok(_stop(sight), "store", "it can be read, and nothing is stopped")


def _job(sight: Sight) -> Iterator[Finding]:
    jobs = sight.deployed.jobs
    if isinstance(jobs, Unknown):
        yield says.unknown("scheduler", jobs)
        return
    topic = f"projects/{sight.own}/topics/{TOPIC}"
    ours = [each for each in jobs if each.get("pubsubTarget", {}).get("topicName") == topic]
    if not ours:
        what = f"no job publishes to {topic}: what an event missed is never healed"
        yield says.problem("scheduler", what, "terraform apply (docs/deploy.md)")
    for each in ours:
        name, state = last_part(each["name"]), each.get("state", "ENABLED")
        if state != "ENABLED":
            what = f"job {name} is {state}: what an event missed is not healed"
            where = f"--location {each['name'].split('/')[3]} --project {sight.own}"
            yield says.problem("scheduler", what, f"gcloud scheduler jobs resume {name} {where}")
        elif each.get("status", {}).get("code"):
            what = f"job {name} failed last: {each['status'].get('message') or each['status']['code']}"
            yield says.problem("scheduler", what, "See that Cloud Scheduler may publish to the topic ticks")
        elif each.get("schedule") != "* * * * *":
            what = f"job {name} runs at {each.get('schedule')!r}, not each minute"
            yield says.warning("scheduler", what, "terraform apply (docs/deploy.md)")


def _stop(sight: Sight) -> Iterator[Finding]:
    if isinstance(sight.deployed.stop, Unknown):
        yield says.unknown("store", sight.deployed.stop)
    elif sight.deployed.stop:
        yield says.warning("store", sight.deployed.stop, "poolwright resume")
