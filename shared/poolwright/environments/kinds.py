"""Kinds of values that several fields have."""

from typing import Annotated

from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0)]
SomeSeconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=0)]


def like(pattern: str, wanted: str, *, longest: int | None = None, hidden: bool = False) -> Meta:
    """A text's form; `wanted` says in words what would do, where a file has something else (editors show it too).
    `hidden`: what is there may be a credential, and no message repeats it."""
    said = {"patternErrorMessage": f"Give {wanted}."}
    return Meta(pattern=pattern, max_length=longest, extra={"wanted": wanted, "hidden": hidden}, extra_json_schema=said)


Location = Annotated[
    str, like(r"^[a-z]+(-[a-z]+)+[0-9]+(-[a-z][a-z0-9]*)?$", "a region or a zone, such as us-central1 or us-central1-a")
]
Zone = Annotated[str, like(r"^([a-z]+(-[a-z]+)+[0-9]+-[a-z][a-z0-9]*)?$", "a zone, such as us-central1-a")]
MachineType = Annotated[str, like(r"^[a-z][a-z0-9]*(-[a-z0-9]+)+$", "a machine type, such as g2-standard-8")]
# https://cloud.google.com/resource-manager/docs/creating-managing-projects
Project = Annotated[
    str,
    like(
        r"^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", "the id of a project, 6 to 30 characters, such as my-project"
    ),
]
