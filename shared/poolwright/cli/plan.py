"""`poolwright plan`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, reasons, screen, session
from poolwright.cli.options import EnvOption, GroupsOption, OutputOption, RunIdOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.boot_images.changes import Change
    from poolwright.services.plan_groups import Plan, Planned, Side

app = typer.Typer()
_STYLE = {"change": "changed", "right": "good", "refused": "refused"}


@app.command(
    epilog=options.examples(
        "poolwright plan --env dev",
        "poolwright plan --env dev --run-id 42 --groups gke-serving-l4-1a2b3c4d-grp",
    )
)
def plan(
    env: EnvOption = "", run_id: RunIdOption = "", groups: GroupsOption = "", output: OutputOption = "text"
) -> None:
    """Show what a rollout would do to each instance group, and why. Changes nothing.

    Secrets in the differences are replaced by fingerprints."""
    wanted, some = options.run_id(run_id), options.names(groups)
    ports, environment = session.of(env)
    from poolwright.services import plan_groups

    with screen.working(f"Reading the groups of {environment.name}"):
        found = plan_groups.plan(ports, environment, run_id=wanted, groups=some)
    screen.show(found, output, rendered)


def rendered(found: Plan) -> Iterator[RenderableType]:
    """For people: a line a group, then why not, then what would differ, then the sum."""
    yield screen.head(found.environment, f"run {found.run_id}", f"mode {found.mode}")
    yield screen.indented(f"{found.image}, built on {found.source_image}", style="quiet")
    if found.groups:
        yield ""
        yield _groups(found)
    yield from _reasons(found)
    yield from _differences(found)
    yield ""
    yield from _sum(found)


def _groups(found: Plan) -> RenderableType:
    table = screen.table("instance group", "zone", "now", "then", "")
    for (cluster, pool), members in groupby(found.groups, key=lambda each: (each.cluster, each.pool)):
        first = True
        for each in members:
            if first:
                table.add_row(screen.text(f"{cluster}/{pool}", "strong"), screen.text(each.machine_type, "quiet"))
            first = False
            style = _STYLE[each.verdict]
            table.add_row(
                f"  {each.group}",
                screen.text(each.zone, "quiet"),
                _side(each.before),
                screen.text(_side(each.after) if each.after else "–", style),
                screen.text(each.refusal or each.verdict, style),
            )
    return table


def _side(side: Side) -> str:
    return screen.where(side.run_id) if side.template else "–"


def _reasons(found: Plan) -> Iterator[RenderableType]:
    """Why groups are refused, and what else to know of them."""
    refused = [(each.refusal, each.why, each.group) for each in found.groups if each.verdict == "refused"]
    noted = [("note", note, each.group) for each in found.groups for note in each.notes]
    if refused or noted:
        yield ""
        yield reasons.table([*refused, *noted])
    yield from map(screen.missing, found.missing_clusters)


def _differences(found: Plan) -> Iterator[RenderableType]:
    """What changes, once for all groups in which it is the same."""
    same: dict[tuple[str, ...], list[Planned]] = {}
    for each in found.groups:
        if each.verdict == "change":
            same.setdefault(tuple(map(str, each.changes)), []).append(each)
    for groups in same.values():
        yield ""
        who = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
        pools = sorted({f"{each.cluster}/{each.pool}" for each in groups})
        yield screen.text(f"What differs in {who} of {', '.join(pools)}", "strong")
        table = screen.table("", "", "", show_header=False)
        for change in groups[0].changes:
            table.add_row(*_difference(change))
        yield table if groups[0].changes else screen.indented("nothing but what names the run", style="quiet")


def _difference(change: Change) -> tuple[RenderableType, ...]:
    mark, style = {"added": ("+", "good"), "removed": ("-", "bad"), "changed": ("~", "changed")}[change.kind]
    sides = [side for side in (change.before, change.after) if side is not None]
    return screen.text(f"  {mark}", style), screen.text(change.key), screen.text(" → ".join(sides))


def _sum(found: Plan) -> Iterator[RenderableType]:
    verdicts = [each.verdict for each in found.groups]
    change, right, refused = (verdicts.count(verdict) for verdict in ("change", "right", "refused"))
    yield f"{change} to change, {right} right already, {refused} refused."
    for obstacle in found.obstacles:
        yield screen.labelled(obstacle.kind, obstacle.reason)
    if change and not found.obstacles:
        yield screen.text(
            f"Start it: poolwright rollout start --env {found.environment} --run-id {found.run_id}", "quiet"
        )
