"""The shape of an error's JSON, by the API that answers it."""

from localcloud.errors import GoogleError, bad_request


def test_what_compute_refuses_itself_carries_the_list_alone() -> None:
    error = GoogleError("NOT_FOUND", "The resource 'x' was not found", reason="notFound").json(style="compute")["error"]
    item = {"message": "The resource 'x' was not found", "domain": "global", "reason": "notFound"}
    assert error == {"code": 404, "message": "The resource 'x' was not found", "errors": [item]}


def test_what_the_front_end_refuses_carries_list_status_and_details() -> None:
    refusal = bad_request([("resource", "Unknown name")])
    for style in ("compute", "container"):
        error = refusal.json(style=style)["error"]
        assert error["errors"] == [{"message": "Unknown name", "domain": "global", "reason": "badRequest"}]
        assert error["status"] == "INVALID_ARGUMENT"
        assert error["details"][0]["fieldViolations"] == [{"field": "resource", "description": "Unknown name"}]
    assert "errors" not in refusal.json()["error"]


def test_a_rate_limit_says_so_in_both_ways() -> None:
    limit = GoogleError("PERMISSION_DENIED", "Quota exceeded", reason="rateLimitExceeded", domain="usageLimits")
    error = limit.json(style="compute")["error"]
    assert (error["code"], error["status"], error["errors"][0]["domain"]) == (403, "PERMISSION_DENIED", "usageLimits")
