"""How long an API takes to answer: the table `localcloud.latency`, glob of `<host>/<service>.<Method>` -> seconds.

Seconds of the world: compressed with its time, and none at all where a test moves the clock. The first glob that fits
counts: `{"compute.googleapis.com/*": 0.1}` is a tenth of a second for every call of Compute.
"""

from __future__ import annotations

import asyncio
import fnmatch

from localcloud.world import World

TABLE = "localcloud.latency"


async def take(world: World, host: str, method: str) -> None:
    """Hold a call back for as long as its answer takes."""
    for pattern, seconds in world.table(TABLE).items():
        if fnmatch.fnmatch(f"{host}/{method}", pattern):
            if not world.simulation.manual:
                await asyncio.sleep(seconds / world.simulation.speed)
            return
