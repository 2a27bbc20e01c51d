"""`poolwright status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, reasons, rollout_view, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.states_seen import ClusterState
    from poolwright.services.status import OnRun, Status, Statuses

app = typer.Typer()


@app.command(epilog=options.examples("poolwright status", "poolwright status --env dev --output json"))
def status(env: EnvOption = "", output: OutputOption = "text") -> None:
    """Show where an environment is, or all of them: released run, rollouts, and groups that are held back, with why."""
    ports, environments = session.some(env)
    from poolwright.services import status as service

    found = []
    for environment in environments:
        with screen.working(f"Reading {environment.name}"):
            found.append(service.read(ports, environment))
    screen.show(service.Statuses(environments=tuple(found)), output, _rendered)


def _rendered(found: Statuses) -> Iterator[RenderableType]:
    for number, each in enumerate(found.environments):
        if number:
            yield ""
        yield from _environment(each)


def _environment(found: Status) -> Iterator[RenderableType]:
    released = f"run {found.released_run_id}" if found.released_run_id else "nothing released yet"
    pinned = f", pinned to run {found.pinned_run_id}" if found.pinned_run_id is not None else ""
    yield screen.head(found.environment, f"{released}{pinned}", f"mode {found.mode}")
    yield screen.indented(_groups(found.groups))
    for obstacle in found.obstacles:
        yield screen.labelled(obstacle.kind, obstacle.reason)
    for name in found.missing_clusters:
        yield screen.missing(name)
    for each in found.states:
        yield from _state(each)
    for rollout in found.under_way:
        yield ""
        yield from rollout_view.rendered(rollout, whole=False)
    yield from _not_on(found)
    yield from _old_nodes(found)
    yield from _ended(found)


def _state(found: ClusterState) -> Iterator[RenderableType]:
    """Nothing where all is Running."""
    if found.reason:
        yield screen.labelled(
            "suspended" if found.state == "DrainAndSuspend" else found.state, f"{found.cluster}: {found.reason}."
        )
    for each in found.nodes:
        yield screen.labelled(
            "node", f"{found.cluster}: {each.node} is {each.state} by its own ConfigMap.", style="quiet"
        )


def _groups(groups: tuple[OnRun, ...]) -> str:
    if not groups:
        return "no node pool with GPUs"
    texts = [f"{each.groups} on {screen.where(each.run_id)}" for each in groups]
    total = sum(each.groups for each in groups)
    return f"{total} instance group{'' if total == 1 else 's'}: {', '.join(texts)}"


def _not_on(found: Status) -> Iterator[RenderableType]:
    if not found.not_on:
        return
    yield ""
    yield screen.text("not on the released run" if found.released_run_id else "left as they are", "quiet")
    said = [(each.kind, f"{each.reason}.".replace("..", "."), each.group) for each in found.not_on]
    yield screen.aside(reasons.table(said))


def _old_nodes(found: Status) -> Iterator[RenderableType]:
    if not found.old_nodes:
        return
    yield ""
    yield screen.text("nodes on an earlier template", "quiet")
    table = screen.table("", "", "", show_header=False)
    for each in found.old_nodes:
        nodes = f"{each.nodes} node{'' if each.nodes == 1 else 's'}"
        table.add_row(f"  {each.group}", nodes, screen.text(f"since {screen.time(each.since)}", "quiet"))
    yield table


def _ended(found: Status) -> Iterator[RenderableType]:
    if not found.ended:
        return
    yield ""
    yield screen.text("rollouts that ended", "quiet")
    table = screen.table("", "", "", show_header=False)
    for each in found.ended:
        style = rollout_view.STYLES.get(each.phase, "")
        table.add_row(f"  {each.id}", screen.text(each.phase, style), screen.text(each.reason, "quiet"))
    yield table
