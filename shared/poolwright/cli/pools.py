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
    ports = session.ports()
    environment = session.environment(ports, env)
    from poolwright.services import node_pools

    with screen.working(f"Reading the node pools of {environment.name}"):
        found = node_pools.listed(ports, environment)
    screen.show(found, output, _rendered)


def _rendered(found: Pools) -> Iterator[RenderableType]:
    table = screen.table("node pool / instance group", "zone", ">size", "on", "")
    for pool in found.pools:
        table.add_row(screen.text(f"{pool.cluster}/{pool.pool}", "strong"), "", "", "", _facts(pool))
        for group in pool.groups:
            on = screen.where(group.run_id)
            style = "quiet" if group.run_id is None else "good"
            table.add_row(
                f"  {group.group}",
                screen.text(group.zone, "quiet"),
                str(group.size),
                screen.text(on, style),
                _remarks(group),
            )
    yield table
    for name in found.missing_clusters:
        yield screen.missing(name)


def _facts(pool: Pool) -> RenderableType:
    gpus = f"{pool.gpus_per_node} × {', '.join(pool.accelerators)}" if pool.accelerators else ""
    scaled = "GKE autoscaling" if pool.autoscaling else ""
    status = pool.status if pool.status != "RUNNING" else ""
    alone = f"left alone: {pool.left_alone}" if pool.left_alone else ""
    facts = [pool.version, pool.machine_type, gpus, scaled, status, alone]
    return screen.text(", ".join(fact for fact in facts if fact), "quiet")


def _remarks(group: Group) -> RenderableType:
    proactive = "PROACTIVE: replaces its nodes by itself" if group.update_type == "PROACTIVE" else ""
    held = f"held: {group.held}" if group.held else ""
    return screen.text(". ".join(remark for remark in (proactive, held) if remark), "refused")
