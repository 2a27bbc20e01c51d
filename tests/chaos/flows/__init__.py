"""The flows: what people, workloads and GKE do, and what must have come of it. Poolwright does the rest.

A flow first makes its world ready, says `begin`, then acts. Every message from there on, and every command line
(`flow.run`), is one that chaos may strike: twisted (`test_messages`), killed (`test_kills`), in bad weather
(`test_weather`).

To add one: write a function in a module here, give it a name and a world in the module's STORIES, and add a module's
STORIES below. The world is `worlds/NAME.yaml`, its environments are `environments/NAME/*.yaml`. Two rules keep runs
comparable: what the flow does next depends on what is so (`flow.until`), not on how long it took; and its end is one
that lasts, since much time passes before it is looked at.
"""

from __future__ import annotations

from tests.chaos.flows import builds, capacity, gates, images, pools, replacing
from tests.chaos.flows.story import Story

__all__ = ["STORIES", "Story"]

STORIES = (*images.STORIES, *pools.STORIES, *gates.STORIES, *replacing.STORIES, *builds.STORIES, *capacity.STORIES)
