"""A Cloud Build status message: `BuildStatus`.

https://cloud.google.com/build/docs/subscribe-build-notifications, and for the body
https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds. The topic carries every status change of
every build of the project, so "not ours" is the usual answer and is found before anything is validated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NotRequired, TypedDict, get_args

from poolwright.events.envelope import Message
from poolwright.events.reading import glance, json_object, shaped
from poolwright.verdicts import Irrelevant, Refused

Product = Literal["boot-image", "cache-disk", "backend-image"]
PRODUCTS: tuple[Product, ...] = get_args(Product)

_UNFINISHED = frozenset({"STATUS_UNKNOWN", "PENDING", "QUEUED", "WORKING"})
_REMEDY = "Only Cloud Build should publish to this topic: check who holds the publisher role on it"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildStatus:
    """A finished build of one of our products. `status` is Cloud Build's word, such as SUCCESS, FAILURE or TIMEOUT."""

    message_id: str
    publish_time: datetime
    subscription: str
    build_id: str
    project: str
    project_number: str  # "" where Cloud Build left the resource name out
    location: str  # "global" for builds outside a region
    status: str
    product: Product
    tags: tuple[str, ...]
    substitutions: Mapping[str, str]
    service_account: str  # "" for the default one
    failure: str  # Cloud Build's own words, "" where there are none
    log_url: str

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCESS"


class _FailureInfo(TypedDict):
    detail: NotRequired[str]


class _Build(TypedDict):
    id: str
    name: NotRequired[str]
    projectId: str
    status: str
    tags: list[str]
    substitutions: NotRequired[dict[str, str]]
    serviceAccount: NotRequired[str]
    failureInfo: NotRequired[_FailureInfo]
    statusDetail: NotRequired[str]
    logUrl: NotRequired[str]


def decode(message: Message) -> BuildStatus:
    """Raises `Irrelevant` for builds that go on or are not ours, `Refused` for what no Cloud Build would send."""
    _concerned(message.attributes.get("status"))
    body = json_object(message.data, where="message.data", remedy=_REMEDY)
    _concerned(body.get("status"))
    product = _product(body.get("tags"))
    build = shaped(body, _Build, remedy=_REMEDY)
    number, location = _place(build.get("name", ""))
    return BuildStatus(
        message_id=message.id,
        publish_time=message.publish_time,
        subscription=message.subscription,
        build_id=build["id"],
        project=build["projectId"],
        project_number=number,
        location=location,
        status=build["status"],
        product=product,
        tags=tuple(build["tags"]),
        substitutions=build.get("substitutions", {}),
        service_account=build.get("serviceAccount", ""),
        failure=glance(build, "failureInfo", "detail") or build.get("statusDetail", ""),
        log_url=build.get("logUrl", ""),
    )


def _concerned(status: object) -> None:
    if isinstance(status, str) and status in _UNFINISHED:
        raise Irrelevant(f"the build is {status}, only finished builds matter")


def _product(tags: object) -> Product:
    if tags is not None and not isinstance(tags, list):
        raise Refused("tags", "is no list", _REMEDY)
    found = [product for product in PRODUCTS if product in (tags or ())]
    if not found:
        raise Irrelevant(f"the build has none of the tags {', '.join(PRODUCTS)}")
    if len(found) > 1:
        raise Refused("tags", f"name several products: {', '.join(found)}", "Tag a build with the one product it makes")
    return found[0]


def _place(name: str) -> tuple[str, str]:
    """Project number and location of `projects/N/locations/L/builds/ID`."""
    match name.split("/"):
        case ["projects", number, "locations", location, "builds", _]:
            return number, location
        case _:
            return "", "global"
