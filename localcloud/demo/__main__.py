"""`python -m localcloud.demo`: play the story; exit 0 if all came out as expected."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from localcloud.demo.screen import Screen
from localcloud.demo.stage import Options, Stage, stage
from localcloud.demo.story import PATIENCE_SECONDS, TooLong
from localcloud.deployment import STATUS_PAGE, SUBSCRIPTIONS
from localcloud.worldfile import WorldFileError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "localcloud" / "worlds" / "small.yaml"


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status."""
    given = _parser().parse_args(arguments)
    screen = Screen()
    options = Options(
        archive=given.archive,
        python=given.python.absolute(),
        folder=given.folder.absolute() if given.folder else _fresh(ROOT / "build" / "demo"),
        state=given.state,
        seed=given.seed,
        without=given.without,
        pubsub=given.pubsub,
        firestore=given.firestore,
        patience=given.patience,
    )
    screen.title(f"poolwright · {given.state.name} · a minute of the cloud is a second here")
    try:
        with stage(options, screen) as running:
            try:
                running.story.play()
            except TooLong as late:
                screen.late(str(late))
            good = screen.ending()
            if given.keep:
                _keep(running, screen)
    except (WorldFileError, RuntimeError) as wrong:
        print(f"demo: {wrong}", file=sys.stderr)
        return 2
    return 0 if good else 1


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _keep(running: Stage, screen: Screen) -> None:
    """Leave all running, the status page too, and say how to look around."""
    running.deployment.start([STATUS_PAGE])
    page = running.deployment.functions[STATUS_PAGE].url
    path = running.folder / "env.sh"
    env = {**running.manifest["env"], "POOLWRIGHT_ENVIRONMENTS": str(running.folder / "environments")}
    lines = [f"export {name}='{value}'" for name, value in sorted(env.items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    cluster = running.story.world.clusters[0]
    context = running.story.cloud.context(cluster.name)
    screen.console.print(
        f"\n[bold]It goes on running.[/] The status page: {page}\n\nIn another terminal:\n\n"
        f"  source {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n"
        "  .venv/bin/poolwright status\n"
        "  gcloud compute instance-groups managed list\n"
        "  gcloud compute instance-templates list\n"
        f"  gcloud container node-pools list --cluster {cluster.name} --location {cluster.location}\n"
        f"  kubectl --context {context} get nodes\n"
        f"  kubectl --context {context} describe nodeprovisioners\n\n"
        f"The functions' logs are in {running.folder}. Press Enter here to end it.",
        soft_wrap=True,
    )
    sys.stdin.readline()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument("--archive", type=Path, required=True, help="the deployment archive (make package)")
    parser.add_argument("--python", type=Path, required=True, help="an interpreter with requirements.txt installed")
    parser.add_argument("--state", type=Path, default=SMALL, metavar="FILE.yaml", help="the world that is played")
    parser.add_argument("--seed", type=int, metavar="N", help="of the world's dice")
    names = [each.name for each in SUBSCRIPTIONS]
    parser.add_argument("--without", action="append", default=[], choices=names, help="a subscription to leave out")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the logs go (default: build/demo, emptied)")
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS", help="for any one thing")
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards")
    for name in ("pubsub", "firestore"):
        parser.add_argument(f"--{name}", choices=("auto", "embedded", "official"), default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
