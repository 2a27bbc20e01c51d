"""`python -m localcloud serve`: the stand-in alone, until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import tempfile
from pathlib import Path

from localcloud.keeping import KeptWorldError
from localcloud.stack import MissingError, Stack
from localcloud.worldfile import WorldFileError


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(_serve(options))
    except (WorldFileError, KeptWorldError, MissingError) as wrong:
        print(f"localcloud: {wrong}", file=sys.stderr)
        return 2
    except OSError as wrong:
        print(f"localcloud: {wrong}", file=sys.stderr)
        return 1


async def _serve(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="localcloud-") as folder:
        stack = Stack(
            folder=Path(folder),
            project=options.project,
            state=options.state,
            data=options.data,
            speed=options.speed,
            seed=options.seed,
            pubsub=options.pubsub,
            firestore=options.firestore,
            kubernetes=options.kubernetes,
        )
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        try:
            manifest = await stack.start(port=options.port)
            print(manifest.json(), flush=True)
            await stopped.wait()
        finally:
            await stack.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve a local Google Cloud on loopback",
        epilog="example: python -m localcloud serve --state localcloud/worlds/small.yaml --speed 60",
    )
    serve.add_argument(
        "--port",
        type=_port,
        default=0,
        metavar="N",
        help="the HTTPS proxy's port, which also answers for every API by its path; the APIs' own ports follow it "
        "where they are free (default: any free ones)",
    )
    serve.add_argument("--project", metavar="ID", help="project id (default: the world's, else local-project)")
    serve.add_argument("--state", type=Path, metavar="FILE.yaml", help="a world to begin with")
    serve.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep the world here, whatever happens to this process, and go on from it at the next start; --state then "
        "counts the first time only (without --data every start begins the world anew)",
    )
    serve.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X", help="how many seconds of the world in one of yours"
    )
    serve.add_argument("--seed", type=int, metavar="N", help="of the world's dice (default: the world file's)")
    for name in ("pubsub", "firestore"):
        serve.add_argument(
            f"--{name}", choices=("auto", "embedded", "official"), default="auto",
            help="Google's own emulator or the small embedded one (auto: Google's, where gcloud has it)",
        )  # fmt: skip
    serve.add_argument(
        "--kubernetes", choices=("embedded", "real"), default="embedded",
        help="what a cluster's API is: a small embedded one, or a real control plane with scheduler and RBAC "
        "(`make kubernetes` builds it; 650 MB of memory a cluster)",
    )  # fmt: skip
    serve.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; give one from 1 to 65535, or 0 for a free one")
    return port


def _speed(text: str) -> float:
    speed = float(text)
    if speed <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0; 60 makes a minute of a second")
    return speed


if __name__ == "__main__":
    sys.exit(main())
