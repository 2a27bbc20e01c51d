"""Names of Pub/Sub's resources and the errors about them.

https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
"""

from __future__ import annotations

import re

from localcloud.errors import GoogleError
from localcloud.projects import project_numbers
from localcloud.world import World

HOST = "pubsub.googleapis.com"
DELETED_TOPIC = "_deleted-topic_"

_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def resource_name(world: World, kind: str, value: str) -> str:
    """`projects/P/<kind>/ID` with the project's id where its number was given; refuses what Google refuses.

    `kind`: `topics`, `subscriptions` or `snapshots`.
    """
    parts = value.split("/")
    if len(parts) != 4 or parts[0] != "projects" or parts[2] != kind or not _ID.fullmatch(parts[3]):
        raise invalid_name(value)
    return f"projects/{project_id(world, parts[1])}/{kind}/{parts[3]}"


def project_id(world: World, project: str) -> str:
    """A project's id, from its id or number; refuses a project that the world does not have."""
    numbers = project_numbers(world)
    if project in numbers:
        return project
    for name, number in numbers.items():
        if number == project:
            return name
    raise GoogleError(
        "NOT_FOUND",
        f"Requested project not found or user does not have access to it (project={project}). "
        "Make sure to specify the unique project identifier and not the Google Cloud Console display name.",
    )


def project_path(world: World, value: str) -> str:
    """`projects/P` from `projects/P` or `projects/NUMBER`."""
    return f"projects/{project_id(world, value.removeprefix('projects/'))}"


def short(name: str) -> str:
    """The last part of a name, which is what Pub/Sub's errors show."""
    return name.rpartition("/")[2]


def invalid_name(value: str) -> GoogleError:
    """A name that is none."""
    return GoogleError(
        "INVALID_ARGUMENT",
        f"Invalid resource name given (name={value}). "
        "Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.",
    )


def not_found(name: str) -> GoogleError:
    """There is no such topic, subscription or snapshot."""
    return GoogleError("NOT_FOUND", f"Resource not found (resource={short(name)}).")


def already_exists(name: str) -> GoogleError:
    """There is one of that name."""
    return GoogleError("ALREADY_EXISTS", f"Resource already exists in the project (resource={short(name)}).")
