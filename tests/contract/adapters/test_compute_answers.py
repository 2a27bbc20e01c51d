"""Answers of Compute that the stand-in does not give: tomorrow's fields, broken lines, failing operations."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import Forbidden

from poolwright.adapters import google_errors
from poolwright.adapters.compute import HOST, ComputeEngine
from poolwright.adapters.compute_operations import OperationFailed
from poolwright.adapters.google_access import GoogleAccess
from poolwright.references import GroupRef
from poolwright.services.ports import InUse, Missing, Stale, Weather
from tests.contract.adapters.conftest import HANG_UP, Answer, Canned, google_error

P = "/compute/v1/projects/p"
GROUP = GroupRef("p", "z", "g")
GROUP_PATH = f"{P}/zones/z/instanceGroupManagers/g"
TEMPLATES = f"{P}/global/instanceTemplates"
WAIT = f"{P}/zones/z/operations/o/wait"
REQUEST_ID = "7d1f3c1e-8f0a-5b1c-9c3e-2f6d9d1c0a11"
OF_TOMORROW = {
    "kind": "compute#instanceTemplate",
    "name": "t",
    "properties": {
        "machineType": "g2-standard-4",
        "quantumTunnel": {"mode": "WARM"},
        "disks": [{"boot": True, "diskSizeGb": "100", "replicaZonesOfTomorrow": ["a"]}],
    },
}

NOTHING = {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results for this scope on this page."}
UNREACHABLE = {"code": "UNREACHABLE", "message": "The scope cannot be reached."}


def operation(status: str, *, at: str = "zones/z", **more: Any) -> Answer:
    link = f"https://www.googleapis.com/compute/v1/projects/p/{at}/operations/o"
    told = {"name": "o", "status": status, "selfLink": link, "operationType": "patch", "targetLink": "the/target"}
    return 200, {**told, **more}


def failed(code: str, status: int, message: str = "because") -> Answer:
    error = {"errors": [{"code": code, "message": message}]}
    return operation("DONE", error=error, httpErrorStatusCode=status, httpErrorMessage=code)


@pytest.fixture(autouse=True)
def no_credentials_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


@pytest.fixture
def compute(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> ComputeEngine:
    monkeypatch.setattr("poolwright.adapters.compute_operations.PAUSE", 0.01)
    return ComputeEngine(GoogleAccess({HOST: canned.url}))


def patch(compute: ComputeEngine) -> None:
    compute.patch_group(GROUP, {"fingerprint": "f"}, request_id=REQUEST_ID)


@pytest.mark.parametrize("scope", ["global", "regions/r"])
@pytest.mark.parametrize(
    "before", ["https://www.googleapis.com/compute/v1/", "https://compute.googleapis.com/compute/v1/", ""]
)
def test_a_template_keeps_fields_that_no_client_knows(
    compute: ComputeEngine, canned: Canned, scope: str, before: str
) -> None:
    canned.tell("GET", f"{P}/{scope}/instanceTemplates/t", (200, OF_TOMORROW))
    assert compute.template(f"{before}projects/p/{scope}/instanceTemplates/t") == OF_TOMORROW


def test_what_names_no_template_is_refused(compute: ComputeEngine) -> None:
    with pytest.raises(ValueError, match="is no instance template; expected projects/P/global/instanceTemplates/N"):
        compute.template("projects/p/global/images/t")


def test_templates_are_listed_whole_over_all_pages(compute: ComputeEngine, canned: Canned) -> None:
    first = {"items": {"global": {"instanceTemplates": [OF_TOMORROW]}, "regions/empty": {"warning": NOTHING}}}
    second = {"items": {"regions/r": {"instanceTemplates": [{"name": "regional"}]}}}
    canned.tell("GET", f"{P}/aggregated/instanceTemplates", (200, {**first, "nextPageToken": "2"}), (200, second))
    assert compute.templates("p", name_prefix="gke-") == [OF_TOMORROW, {"name": "regional"}]
    assert [asked.query.get("pageToken") for asked in canned.asked] == [None, "2"]
    assert {asked.query["filter"] for asked in canned.asked} == {'name eq "gke-.*"'}


def insert(compute: ComputeEngine, body: Any, *, region: str | None, request_id: str) -> None:
    """Begin to make a template, and wait until it is there."""
    if operation := compute.begin_template("p", body, region=region, request_id=request_id):
        compute.finish_template(operation)


@pytest.mark.parametrize(("region", "scope"), [(None, "global"), ("r", "regions/r")])
def test_a_template_is_sent_whole_and_waited_for(
    compute: ComputeEngine, canned: Canned, region: str | None, scope: str
) -> None:
    canned.tell("POST", f"{P}/{scope}/instanceTemplates", operation("RUNNING", at=scope))
    canned.tell("POST", f"{P}/{scope}/operations/o/wait", operation("DONE", at=scope))
    insert(compute, OF_TOMORROW, region=region, request_id=REQUEST_ID)
    inserted, wait = canned.asked
    assert inserted.body == OF_TOMORROW
    assert inserted.query == {"requestId": REQUEST_ID}
    assert wait.path.endswith("/operations/o/wait")


@pytest.mark.parametrize(
    "refusal", [google_error(409, "already exists", "alreadyExists"), failed("RESOURCE_ALREADY_EXISTS", 409)]
)
def test_a_template_that_exists_already_is_fine(compute: ComputeEngine, canned: Canned, refusal: Answer) -> None:
    status, told = refusal
    told |= {"targetLink": f"https://www.googleapis.com{TEMPLATES}/t"} if status == 200 else {}
    canned.tell("POST", TEMPLATES, refusal)
    canned.tell("GET", f"{TEMPLATES}/t", (200, OF_TOMORROW))
    insert(compute, OF_TOMORROW, region=None, request_id=REQUEST_ID)
    assert [asked.method for asked in canned.asked] == ["POST", "GET"]


def test_a_template_that_exists_and_cannot_be_read_yet_is_weather(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("POST", TEMPLATES, google_error(409, "already exists", "alreadyExists"))
    with pytest.raises(Weather, match="being made or deleted by somebody else"):
        insert(compute, OF_TOMORROW, region=None, request_id=REQUEST_ID)


def test_a_patch_goes_as_it_is_and_is_waited_for_until_done(compute: ComputeEngine, canned: Canned) -> None:
    body = {"fingerprint": "f", "instanceTemplate": "t", "versions": [{"instanceTemplate": "t", "ofTomorrow": 1}]}
    canned.tell("PATCH", GROUP_PATH, operation("PENDING"))
    canned.tell("POST", WAIT, operation("RUNNING"), operation("DONE"))
    compute.patch_group(GROUP, body, request_id=REQUEST_ID)
    assert [(asked.method, asked.path) for asked in canned.asked] == [
        ("PATCH", GROUP_PATH),
        ("POST", WAIT),
        ("POST", WAIT),
    ]
    assert canned.asked[0].body == body
    assert canned.asked[0].query == {"requestId": REQUEST_ID}


def test_an_operation_that_was_done_at_once_is_not_waited_for(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("PATCH", GROUP_PATH, operation("DONE"))
    patch(compute)
    assert len(canned.asked) == 1


def test_an_operation_that_is_never_done_is_weather(
    compute: ComputeEngine, canned: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolwright.adapters.compute_operations.PATIENCE", 0.05)
    canned.tell("PATCH", GROUP_PATH, operation("PENDING"))
    canned.tell("POST", WAIT, operation("RUNNING"))
    with pytest.raises(Weather, match=r"operation o is not done|timed out"):
        patch(compute)


def test_a_failed_operation_says_which_and_why(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("PATCH", GROUP_PATH, failed("QUOTA_EXCEEDED", 403, "Quota 'GPUS' exceeded"))
    with pytest.raises(OperationFailed, match=r"patch of the/target failed .*QUOTA_EXCEEDED: Quota 'GPUS'") as raised:
        patch(compute)
    assert raised.value.codes == ("QUOTA_EXCEEDED",)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (google_error(404, "gone", "notFound"), Missing),
        (google_error(412, "changed", "conditionNotMet"), Stale),
        (google_error(429, "slowly", "rateLimitExceeded"), Weather),
        (google_error(403, "slowly", "rateLimitExceeded"), Weather),
        (google_error(503, "ill", "backendError"), Weather),
        (google_error(500, "ill", "internalError"), Weather),
        ((502, b"<html>Bad Gateway</html>"), Weather),
        (HANG_UP, Weather),
        (failed("CONDITION_NOT_MET", 412), Stale),
        (failed("RESOURCE_NOT_FOUND", 404), Missing),
        (failed("BACKEND_ERROR", 503), Weather),
    ],
)
def test_a_refused_write_is_told_in_the_ports_words_and_not_repeated(
    compute: ComputeEngine, canned: Canned, answer: Answer, kind: type[Exception]
) -> None:
    canned.tell("PATCH", GROUP_PATH, answer)
    with pytest.raises(kind):
        patch(compute)
    assert len(canned.asked) == 1


def test_what_only_a_person_can_mend_is_raised_as_it_is(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("PATCH", GROUP_PATH, google_error(403, "Required 'compute.instanceGroupManagers.update'", "forbidden"))
    with pytest.raises(Forbidden, match=r"Required 'compute\.instanceGroupManagers\.update'"):
        patch(compute)


@pytest.mark.parametrize(
    "bad", [google_error(503, "ill", "backendError"), google_error(403, "slowly", "rateLimitExceeded")]
)
def test_a_read_is_repeated_until_the_weather_is_better(compute: ComputeEngine, canned: Canned, bad: Answer) -> None:
    canned.tell("GET", GROUP_PATH, bad, (200, {"name": "g", "targetSize": 2}))
    canned.tell("GET", f"{TEMPLATES}/t", bad, (200, OF_TOMORROW))
    assert compute.group(GROUP) == {"name": "g", "targetSize": 2}
    assert compute.template("projects/p/global/instanceTemplates/t") == OF_TOMORROW
    assert len(canned.asked) == 4


def test_a_read_gives_up_after_a_while(compute: ComputeEngine, canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_errors.READ_RETRY, "_timeout", 0.1)
    canned.tell("GET", GROUP_PATH, HANG_UP)
    with pytest.raises(Weather):
        compute.group(GROUP)


@pytest.mark.parametrize(
    "trouble",
    [
        {"items": {"regions/r": {"warning": UNREACHABLE}}},
        {"unreachables": ["projects/p/regions/r"]},
        {"warning": {**UNREACHABLE, "data": [{"key": "scope", "value": "regions/r"}]}},
    ],
)
def test_templates_of_which_some_may_be_missing_are_weather(
    compute: ComputeEngine, canned: Canned, trouble: dict[str, Any]
) -> None:
    canned.tell("GET", f"{P}/aggregated/instanceTemplates", (200, trouble))
    with pytest.raises(Weather, match="templates in r cannot be listed"):
        compute.templates("p", name_prefix="gke-")


def test_groups_are_all_zonal_ones_of_all_pages(compute: ComputeEngine, canned: Canned) -> None:
    def page(**scopes: dict[str, str]) -> dict[str, Any]:
        named = {scope.replace("_", "/"): {"instanceGroupManagers": [group]} for scope, group in scopes.items()}
        return {"items": {**named, "zones/empty": {"warning": NOTHING}}}

    one, two = {"name": "one", "zone": "zones/a"}, {"name": "two", "zone": "zones/b"}
    first, second = page(zones_a=one, regions_r={"name": "regional", "region": "regions/r"}), page(zones_b=two)
    canned.tell("GET", f"{P}/aggregated/instanceGroupManagers", (200, {**first, "nextPageToken": "2"}), (200, second))
    assert list(compute.groups("p")) == [one, two]
    assert {asked.query["returnPartialSuccess"] for asked in canned.asked} == {"true"}


def test_groups_of_a_zone_that_does_not_answer_are_unknown_and_the_others_known(
    compute: ComputeEngine, canned: Canned
) -> None:
    one = {"name": "one", "zone": "zones/a"}
    answer = {"items": {"zones/a": {"instanceGroupManagers": [one]}, "zones/b": {"warning": UNREACHABLE}}}
    canned.tell("GET", f"{P}/aggregated/instanceGroupManagers", (200, answer))
    listed = compute.groups("p")
    assert list(listed) == [one]
    assert (listed.knows("a"), listed.knows("b")) == (True, False)


def test_a_warning_that_names_no_place_is_of_all_places(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("GET", f"{P}/aggregated/disks", (200, {"warning": {"code": "PARTIAL_SUCCESS"}}))
    assert not compute.disks_in_brief("p").knows("a")


@pytest.mark.parametrize("delete", ["template", "image"])
def test_what_is_gone_already_is_deleted(compute: ComputeEngine, canned: Canned, delete: str) -> None:
    if delete == "template":
        canned.tell("DELETE", f"{TEMPLATES}/t", google_error(404, "gone", "notFound"))
        compute.delete_template("projects/p/global/instanceTemplates/t", request_id=REQUEST_ID)
    else:
        canned.tell("DELETE", f"{P}/global/images/i", failed("RESOURCE_NOT_FOUND", 404))
        compute.delete_image("p", "i", request_id=REQUEST_ID)
    assert canned.asked[0].query == {"requestId": REQUEST_ID}


@pytest.mark.parametrize(
    "refusal",
    [
        google_error(400, "is already being used by 'g'", "resourceInUseByAnotherResource"),
        failed("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", 400, "is already being used by 'g'"),
    ],
)
def test_a_template_that_a_group_needs_is_not_deleted(compute: ComputeEngine, canned: Canned, refusal: Answer) -> None:
    canned.tell("DELETE", f"{TEMPLATES}/t", refusal)
    with pytest.raises(InUse, match="being used by 'g'"):
        compute.delete_template("projects/p/global/instanceTemplates/t", request_id=REQUEST_ID)


def test_members_come_with_their_errors(compute: ComputeEngine, canned: Canned) -> None:
    member = {
        "instance": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/g-1",
        "id": "18446744073709551615",
        "currentAction": "CREATING_WITHOUT_RETRIES",
        "lastAttempt": {"errors": {"errors": [{"code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": "none left"}]}},
    }
    canned.tell("POST", f"{GROUP_PATH}/listManagedInstances", (200, {"managedInstances": [member]}))
    assert compute.members(GROUP) == [member]


def test_images_come_newest_first_whatever_their_time_zone(compute: ComputeEngine, canned: Canned) -> None:
    times = {"old": "2026-11-20T09:00:00.000-08:00", "new": "2026-11-20T18:30:00.000+01:00"}
    items = [{"name": name, "creationTimestamp": time} for name, time in times.items()]
    canned.tell("GET", f"{P}/global/images", (200, {"items": items}))
    assert [image["name"] for image in compute.images("p", family="f")] == ["new", "old"]
    assert canned.asked[0].query["filter"] == 'family = "f"'


def test_more_members_than_a_call_takes_are_deleted_in_several_with_ids_that_repeat(
    compute: ComputeEngine, canned: Canned
) -> None:
    path = f"{GROUP_PATH}/deleteInstances"
    canned.tell("POST", path, operation("DONE"))
    for _ in range(2):
        compute.delete_instances(GROUP, [f"g-{n}" for n in range(1500)], request_id=REQUEST_ID)
    assert [len(asked.body["instances"]) for asked in canned.asked] == [1000, 500, 1000, 500]
    assert canned.asked[0].body["instances"][0] == "projects/p/zones/z/instances/g-0"
    assert all(asked.body["skipInstancesOnValidationError"] for asked in canned.asked)
    ids = [asked.query["requestId"] for asked in canned.asked]
    assert ids[:2] == ids[2:]
    assert ids[0] == REQUEST_ID != ids[1]


def test_members_are_created_by_name(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("POST", f"{GROUP_PATH}/createInstances", operation("DONE"))
    compute.create_instances(GROUP, ["g-a", "g-b"], request_id=REQUEST_ID)
    assert canned.asked[0].body == {"instances": [{"name": "g-a"}, {"name": "g-b"}]}
    assert canned.asked[0].query == {"requestId": REQUEST_ID}


def test_nobody_to_create_or_delete_is_no_call(compute: ComputeEngine, canned: Canned) -> None:
    compute.create_instances(GROUP, [], request_id=REQUEST_ID)
    compute.delete_instances(GROUP, [], request_id=REQUEST_ID)
    assert canned.asked == []


def test_a_stand_in_is_sent_no_credential(compute: ComputeEngine, canned: Canned) -> None:
    canned.tell("GET", GROUP_PATH, (200, {"name": "g"}))
    compute.group(GROUP)
    assert "authorization" not in canned.asked[0].headers
