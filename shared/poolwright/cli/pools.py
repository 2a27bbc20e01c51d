"""`poolwright pools`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from poolwright.cli import options, screen, session
from poolwright.cli.options import EnvOption, OutputOption

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.services.node_pools import Group, Pool, Pools

app = typer.Typer()


@app.command(epilog=options.examples("poolwright pools --env dev"))
def pools(env: EnvOption = "", output: OutputOption = "text") -> None:
    """List the node pools of an environment, their instance groups and the run each group is on."""
    ports, environment = session.of(env)
    from poolwright.services import node_pools

    with screen.working(f"Reading the node pools of {environment.name}"):
        found = node_pools.listed(ports, environment)
    screen.show(found, output, _rendered)


def _rendered(found: Pools) -> Iterator[RenderableType]:
    widest = max((len(group.group) for pool in found.pools for group in pool.groups), default=0)
    for pool in found.pools:
        yield screen.head(f"{pool.cluster}/{pool.pool}", "", _facts(pool))
        table = screen.table("", "", ">", "", "", show_header=False)
        table.columns[0].min_width = widest + 2
        for group in pool.groups:
            on = screen.text(screen.where(group.run_id), "quiet" if group.run_id is None else "good")
            zone = screen.text(group.zone, "quiet")
            table.add_row(f"  {group.group}", zone, str(group.size), on, _remarks(group))
        yield table
    for name in found.missing_clusters:
        yield screen.missing(name)


def _facts(pool: Pool) -> str:
    gpus = f"{pool.gpus_per_node} × {', '.join(pool.accelerators)}" if pool.accelerators else ""
    scaled = "GKE autoscaling" if pool.autoscaling else ""
    status = pool.status if pool.status != "RUNNING" else ""
    alone = f"left alone: {pool.left_alone}" if pool.left_alone else ""
    facts = [pool.version, pool.machine_type, gpus, scaled, status, alone]
    return ", ".join(fact for fact in facts if fact)


def _remarks(group: Group) -> RenderableType:
    proactive = "PROACTIVE: replaces its nodes by itself" if group.update_type == "PROACTIVE" else ""
    held = f"held: {group.held}" if group.held else ""
    return screen.text(". ".join(remark for remark in (proactive, held) if remark), "refused")
