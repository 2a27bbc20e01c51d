"""The projects of a world: ids and numbers, either of which a request may name."""

from __future__ import annotations

from localcloud.errors import GoogleError
from localcloud.world import World


def project_id(world: World, project: str, *, permission: str) -> str:
    """A project's id, from its id or number.

    A project that is not there cannot be told from one without rights: PERMISSION_DENIED, as Google answers;
    `permission` is the one the call needs.
    """
    numbers = {str(number): name for name, number in project_numbers(world).items()}
    name = numbers.get(project, project)
    if name not in project_numbers(world):
        text = (
            f"Permission '{permission}' denied on resource '//cloudresourcemanager.googleapis.com/projects/{project}'"
        )
        raise GoogleError("PERMISSION_DENIED", f"{text} (or it may not exist).")
    return name


def project_numbers(world: World) -> dict[str, str]:
    """Project id -> project number."""
    others = {name: str(number) for name, number in world.table("compute.projects").items()}
    return {**others, world.project: world.project_number}
