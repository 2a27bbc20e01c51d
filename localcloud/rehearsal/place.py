"""Where a rehearsal keeps its things."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "rehearsal"
MANIFEST = FOLDER / "manifest.json"  # the line that `serve` printed
FUNCTIONS = FOLDER / "functions.json"  # process ids of what is deployed
PYTHON = ROOT / "build" / "functions-venv" / "bin" / "python"
