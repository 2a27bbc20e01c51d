"""Everything the story needs, set up and taken down: the stand-in, the deployed functions, the clients."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import credentials, deployment, worldfile
from localcloud.demo import chat, environment
from localcloud.demo.cloud import Cloud
from localcloud.demo.screen import Screen
from localcloud.demo.story import PATIENCE_SECONDS, Story
from localcloud.plan import Plan

SPEED = 60.0


@dataclass(frozen=True)
class Options:
    """What is played, and how. `without`: subscriptions left out, to see that each is needed. With `kubernetes`
    real each function has a service account of its own, for which nothing is installed in the clusters yet."""

    archive: Path
    python: Path
    folder: Path
    state: Path
    seed: int | None = None
    speed: float = SPEED
    without: Sequence[str] = ()
    pubsub: str = "auto"
    firestore: str = "auto"
    kubernetes: str = "embedded"
    patience: float = PATIENCE_SECONDS
    bake_seconds: float = environment.BAKE_SECONDS


@dataclass(frozen=True)
class Stage:
    """What runs while the story is played."""

    story: Story
    manifest: dict[str, Any]
    deployment: deployment.Deployment
    folder: Path


@contextlib.contextmanager
def stage(options: Options, screen: Screen) -> Iterator[Stage]:
    """Set up, give the story, take down."""
    world = worldfile.read(options.state)
    options.folder.mkdir(parents=True, exist_ok=True)
    environments = environment.write(
        world, options.folder / "environments", bake_seconds=options.bake_seconds, webhook=chat.VARIABLE
    )
    with contextlib.ExitStack() as stack:
        with screen.setting_up("a Google Cloud of your own on loopback"):
            process, manifest = _serve(options, stack)
        told = chat.Chat()
        stack.enter_context(told.open())
        env = {**manifest["env"], "POOLWRIGHT_ENVIRONMENTS": str(environments), "POOLWRIGHT_LOG_LEVEL": "DEBUG"}
        env[chat.VARIABLE] = told.url
        deployed = deployment.Deployment(
            python=options.python,
            source=deployment.unpack(options.archive, options.folder / "functions"),
            env=env,
            folder=options.folder,
            identities=_identities(manifest, options.folder) if options.kubernetes == "real" else {},
        )
        stack.callback(deployed.stop)
        stack.enter_context(_variables(env))
        with screen.setting_up(f"{len(deployment.FUNCTIONS)} functions from {options.archive.name}"):
            deployed.start()
        with screen.setting_up(f"{len(deployment.SUBSCRIPTIONS)} push subscriptions ({manifest['parts']['pubsub']})"):
            deployed.subscribe(without=options.without, retry=manifest["parts"]["pubsub"] == "embedded")
        story = _story(world, environments, manifest, screen, told)
        story.patience = options.patience
        yield Stage(story, manifest, deployed, options.folder)
        if process.poll() is not None:
            raise RuntimeError(f"the stand-in ended early; see {options.folder / 'localcloud.log'}")


def _identities(manifest: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Function -> key file of its service account."""
    project, token_uri = manifest["project"], f"{manifest['endpoints']['oauth2.googleapis.com']}/token"
    return {
        name: credentials.service_account_file(
            folder, project=project, email=deployment.identity(name, project), token_uri=token_uri
        )
        for name in deployment.FUNCTIONS
    }


def _story(world: Plan, environments: Path, manifest: dict[str, Any], screen: Screen, told: chat.Chat) -> Story:
    from poolwright import bootstrap
    from poolwright.environments import load
    from poolwright.settings import Settings

    return Story(
        world=world,
        environment=load(environments)[0],
        cloud=Cloud(manifest),
        ports=bootstrap.ports(Settings.read()),
        screen=screen,
        chat=told,
    )


def _serve(options: Options, stack: contextlib.ExitStack) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    arguments = ["--state", str(options.state), "--speed", str(options.speed)]
    arguments += ["--pubsub", options.pubsub, "--firestore", options.firestore, "--kubernetes", options.kubernetes]
    arguments += ["--seed", str(options.seed)] if options.seed is not None else []
    log = stack.enter_context((options.folder / "localcloud.log").open("ab"))
    process, manifest = deployment.serve(arguments, python=Path(sys.executable), log=log)
    stack.callback(_end, process)
    return process, manifest


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _variables(env: dict[str, str]) -> Iterator[None]:
    """The clients of this process read them too."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
