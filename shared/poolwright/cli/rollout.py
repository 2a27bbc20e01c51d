"""`poolwright rollout ...`: commands are published as any pipeline would publish them, and obeyed by the functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from poolwright.cli import options, rollout_view, screen, session, watching
from poolwright.cli.options import EnvOption, GroupsOption, OutputOption, ReasonOption, RunIdOption
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from rich.console import RenderableType

    from poolwright.environments import Environment
    from poolwright.events.rollout_command import Action
    from poolwright.rollouts.commands import Action as Order
    from poolwright.services.ask_rollout import Asked
    from poolwright.services.ports import Ports

app = typer.Typer(name="rollout", no_args_is_help=True, help="Start, watch and command rollouts.")

Which = Annotated[
    str, typer.Argument(metavar="[ROLLOUT]", help="Its id.", show_default="the one under way, or the newest")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the command is obeyed, and say what came of it.")]


@app.command(
    epilog=options.examples(
        "poolwright rollout start --env dev",
        'poolwright rollout start --env dev --run-id 42 --reason "new driver" --wait',
    )
)
def start(
    env: EnvOption = "",
    run_id: RunIdOption = "",
    groups: GroupsOption = "",
    reason: ReasonOption = "",
    wait: Wait = False,
    output: OutputOption = "text",
) -> int:
    """Start a rollout of a boot image, or begin one that waits for its start."""
    wanted, some = options.run_id(run_id), options.names(groups)
    ports, environment = session.of(env)
    from poolwright.services import boot_images, fleet

    with screen.working("Looking whether it can be started"):
        image = boot_images.of_run(ports, environment, wanted)
        _expect_no_obstacle(ports, environment, image.run_id)
        chosen = fleet.chosen(fleet.look(ports, environment), some, environment=environment.name) if some else ()
    what = f"start run {image.run_id} in {environment.name}"
    return _ask(
        ports, environment, "start", what=what, run_id=image.run_id, groups=[str(ref) for ref in chosen], reason=reason,
        wait=wait, output=output,
    )  # fmt: skip


@app.command(
    epilog=options.examples("poolwright rollout status --env dev", "poolwright rollout status --env dev dev-42")
)
def status(rollout: Which = "", env: EnvOption = "", output: OutputOption = "text") -> None:
    """Show a rollout: its waves, its gates, and what became of each group."""
    ports, environment = session.of(env)
    from poolwright.services import rollout_seen

    screen.show(rollout_seen.of(ports, environment, rollout), output, rollout_view.rendered)


def _order(action: Literal["pause", "resume", "abort"], says: str, *, example: str) -> None:
    """A command that has no more to say than which rollout it means."""

    def command(
        rollout: Which = "",
        env: EnvOption = "",
        reason: ReasonOption = "",
        wait: Wait = False,
        output: OutputOption = "text",
    ) -> int:
        return _command(action, rollout, env=env, reason=reason, wait=wait, output=output)

    app.command(action, help=says, epilog=options.examples(example))(command)


_order(
    "pause",
    "Pause a rollout: no further group is changed until it is resumed.",
    example="poolwright rollout pause --env dev",
)
_order("resume", "Let a paused rollout go on.", example="poolwright rollout resume --env dev")
_order(
    "abort",
    "End a rollout where it is: what it changed stays as it is.",
    example='poolwright rollout abort --env dev --reason "wrong image"',
)


@app.command(
    epilog=options.examples(
        "poolwright rollout rollback --env dev --wait",
        "poolwright rollout rollback --env dev --groups gke-serving-l4-1a2b3c4d-grp",
    )
)
def rollback(
    rollout: Which = "",
    env: EnvOption = "",
    run_id: RunIdOption = "",
    groups: GroupsOption = "",
    reason: ReasonOption = "",
    wait: Wait = False,
    output: OutputOption = "text",
) -> int:
    """Put back onto GKE's latest template what a rollout changed, or these groups whatever changed them."""
    return _command("rollback", rollout, env=env, run_id=run_id, groups=groups, reason=reason, wait=wait, output=output)


@app.command(epilog=options.examples("poolwright rollout watch --env dev"))
def watch(rollout: Which = "", env: EnvOption = "", output: OutputOption = "text") -> int:
    """Follow a rollout until it ends. Exits 0 if it came to what was asked, 1 if it did not."""
    ports, environment = session.of(env)
    return watching.until_it_ends(ports, environment, rollout, output)


def _command(
    action: Order,
    rollout: str,
    *,
    env: str,
    reason: str,
    wait: bool,
    output: options.Output,
    run_id: str = "",
    groups: str = "",
) -> int:
    """Publish an order about a rollout that is there, or about groups."""
    wanted, some = options.run_id(run_id), options.names(groups)
    ports, environment = session.of(env)
    if some:
        from poolwright.services import fleet

        with screen.working("Looking for the groups"):
            chosen = fleet.chosen(fleet.look(ports, environment), some, environment=environment.name)
        what = f"{_verb(action)} {len(chosen)} group{'' if len(chosen) == 1 else 's'} of {environment.name}"
        return _ask(
            ports, environment, action, what=what, groups=[str(ref) for ref in chosen], reason=reason, wait=wait,
            output=output,
        )  # fmt: skip
    from poolwright.services import rollout_seen

    meant = rollout_seen.of(ports, environment, rollout, run_id=wanted)
    if why_not := rollout_seen.why_not(ports, meant.id, action):
        raise Refused(
            "rollout",
            f"to {_verb(action)} it would change nothing: {why_not}",
            f"Look at it: poolwright rollout status --env {env}",
        )
    return _ask(
        ports,
        environment,
        action,
        what=f"{_verb(action)} {meant.id}",
        rollout=meant.id,
        reason=reason,
        wait=wait,
        output=output,
    )


def _verb(action: Action) -> str:
    return "roll back" if action == "rollback" else action


def _ask(
    ports: Ports,
    environment: Environment,
    action: Action,
    *,
    what: str,
    wait: bool,
    output: options.Output,
    **order: Any,
) -> int:
    from poolwright.services import ask_rollout

    who = session.requester()
    message_id = ask_rollout.ask(ports, action=action, environment=environment.name, requester=who, **order)
    if output == "text":
        screen.console().print(screen.text(f"Asked to {what} (message {message_id}, by {who or 'nobody'})."))
    answer = watching.for_an_answer(ports, environment, message_id) if wait else None
    asked = ask_rollout.Asked(
        action=action, environment=environment.name, message_id=message_id, requester=who, waited=wait, answer=answer
    )
    screen.show(asked, output, _answered)
    return 0 if not wait or (answer and answer.state == "obeyed") else 1


def _answered(asked: Asked) -> Iterator[RenderableType]:
    if asked.answer:
        yield screen.text(f"{asked.answer.sentence}.".replace("..", "."))
    elif asked.waited:
        yield screen.text(watching.NO_ANSWER, "refused")
    yield screen.text(f"Follow it: poolwright rollout watch --env {asked.environment}", "quiet")


def _expect_no_obstacle(ports: Ports, environment: Environment, run_id: int) -> None:
    """Refused where the functions would refuse a person's start, so that nobody waits for that."""
    from poolwright.services import obstacles

    for each in (*obstacles.of_environment(ports, environment), *obstacles.of_run(environment, run_id, ())):
        if each.kind in ("stopped", "observe", "pinned"):
            raise Refused(each.kind, each.reason.rstrip("."), "")
