"""The operator's command line: each command parses, calls one service and prints. docs/operate.md shows it at work."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `poolwright`, and exit: 0 done, 1 not done, 2 not understood, 130 interrupted."""
    from poolwright.cli.app import run

    sys.exit(run(sys.argv[1:] if arguments is None else arguments))
