"""The entry points, one a trigger. `functions-framework --target NAME` serves one of them.

What they import here is cheap on purpose: a service, an adapter and the library under it are imported on the path
that uses them.
"""

from gpu_alert import gpu_alert
from image_built import image_built
from node_pool_changed import node_pool_changed
from notify import notify
from poolwright import logs
from rollout_command import rollout_command
from status_page import status_page
from step import step
from tick import tick

__all__ = ["gpu_alert", "image_built", "node_pool_changed", "notify", "rollout_command", "status_page", "step", "tick"]

logs.configure()
