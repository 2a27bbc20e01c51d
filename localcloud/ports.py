"""Ports for servers of our own on loopback."""

from __future__ import annotations

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
PORTS = (20_000, 32_000)  # below those that Linux and macOS give to clients


def free_port() -> int:
    """A port that no client is given by chance: one that polls such a port of loopback can end up connected to itself,
    and then nobody else can listen there."""
    while True:
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind((LOOPBACK, random.randrange(*PORTS)))
            return int(listener.getsockname()[1])
