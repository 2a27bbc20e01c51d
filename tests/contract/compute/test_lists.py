"""Lists: filters in both syntaxes, order, pages, aggregated lists."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1
from hypothesis import given
from hypothesis import strategies as st

from localcloud.compute.filters import matcher
from localcloud.errors import GoogleError
from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

INSTANCE = compute_v1.Instance.pb().DESCRIPTOR
VMS: list[dict[str, Any]] = [
    {"name": "web-1", "id": "5", "status": "RUNNING", "labels": {"env": "dev", "owner": "ann"}, "canIpForward": True},
    {"name": "web-2", "id": "10", "status": "TERMINATED", "labels": {"env": "prod"}},
    {"name": "db-1", "id": "20", "status": "RUNNING", "scheduling": {"automaticRestart": True}},
]
VMS[0]["creationTimestamp"], VMS[1]["creationTimestamp"], VMS[2]["creationTimestamp"] = (
    "2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", "2026-03-01T00:00:00.000-08:00",
)  # fmt: skip
BAD = [
    "name eq", "name = ", "(name = x", "name = x)", "nothing = x", "metadata.items.key = x", "tags.items = x",
    "name eq '['", "name eq a AND name eq b", "AND", "name", "labels.env", "name ~ x",
    "networkInterfaces.network = default",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name eq web-.*", "web-1 web-2"),
        ("name eq web", ""),
        ("name ne 'web-.*'", "db-1"),
        ('(name eq "web-.*") (status eq RUNNING)', "web-1"),
        ("canIpForward eq true", "web-1"),
        ("name = web-1", "web-1"),
        ('name = "web-1"', "web-1"),
        ("name=web*", "web-1 web-2"),
        ("name != web-1", "web-2 db-1"),
        ("name:web", "web-1 web-2"),
        ("name:b-1", "web-1 db-1"),
        ("name:web*", "web-1 web-2"),
        ("-name:web*", "db-1"),
        ("NOT name:web*", "db-1"),
        ("labels.env = dev", "web-1"),
        ("labels.env != dev", "web-2 db-1"),
        ("labels.owner:*", "web-1"),
        ("-labels.owner:*", "web-2 db-1"),
        ("labels.env:*", "web-1 web-2"),
        ("(labels.env = dev) AND (name != x)", "web-1"),
        ("(labels.env = dev) (name = web-1)", "web-1"),
        ("labels.env = dev OR labels.env = prod", "web-1 web-2"),
        ("(labels.env = dev OR labels.env = prod) AND status = RUNNING", "web-1"),
        ("status = RUNNING AND labels.env = dev OR labels.env = prod", "web-1"),
        ("NOT (status = RUNNING OR labels.env = dev)", "web-2"),
        ("id > 9", "web-2 db-1"),
        ("id <= 10", "web-1 web-2"),
        ("id = 10", "web-2"),
        ("scheduling.automaticRestart = true", "db-1"),
        ("scheduling.automaticRestart = false", "web-1 web-2"),
        ("creationTimestamp > 2026-01-15T00:00:00Z", "web-2 db-1"),
        ('creationTimestamp < "2026-03-01T07:00:00.000+00:00"', "web-1 web-2"),
    ],
)
def test_a_filter_chooses(text: str, names: str) -> None:
    test = matcher(text, INSTANCE)
    assert [each["name"] for each in VMS if test(each)] == names.split()


@pytest.mark.parametrize("text", BAD)
def test_a_bad_filter_is_refused_in_googles_words(cloud: Cloud, text: str) -> None:
    with pytest.raises(exceptions.BadRequest) as caught:
        list(cloud.client(compute_v1.InstancesClient).list({"filter": text, **WHERE}))
    expected = f"Invalid value for field 'filter': '{text}'. Invalid list filter expression."
    assert caught.value.message.endswith(expected)


@given(st.text(alphabet="name=!<>:()\"'- ANDORTeqlabs.*x1", max_size=40))
def test_any_text_is_a_filter_or_a_refusal(text: str) -> None:
    try:
        test = matcher(text, INSTANCE)
    except GoogleError as error:
        assert error.code == 400
    else:
        assert {test(each) for each in VMS} <= {True, False}


@pytest.fixture
def many(cloud: Cloud) -> Cloud:
    """Templates t0 to t6, made one after another, beside `small`."""
    for index in (3, 1, 4, 0, 5, 2, 6):
        cloud.do(cloud.compute.insert_instance_template, template(f"t{index}"))
        cloud.advance(1)
    return cloud


def test_pages_follow_each_other_without_gap_or_repeat(many: Cloud) -> None:
    pages = many.templates.list({"project": PROJECT, "max_results": 3}).pages
    names = [[each.name for each in page.items] for page in pages]
    assert names == [["small", "t0", "t1"], ["t2", "t3", "t4"], ["t5", "t6"]]


def test_a_page_token_survives_a_deletion(many: Cloud) -> None:
    path = f"projects/{PROJECT}/global/instanceTemplates"
    first = many.raw("GET", f"{path}?maxResults=3")[1]
    many.raw("DELETE", f"{path}/t1")
    many.advance(10)
    second = many.raw("GET", f"{path}?maxResults=3&pageToken={first['nextPageToken']}")[1]
    assert [each["name"] for each in second["items"]] == ["t2", "t3", "t4"]


def test_the_newest_come_first_when_asked(many: Cloud) -> None:
    listed = many.templates.list({"project": PROJECT, "order_by": "creationTimestamp desc", "max_results": 3})
    assert [each.name for each in listed] == ["t6", "t2", "t5", "t0", "t4", "t1", "t3", "small"]


@pytest.mark.parametrize("query", ["maxResults=501", "maxResults=-1", "orderBy=id", "pageToken=xyz", "colour=blue"])
def test_what_a_list_cannot_do_is_refused(many: Cloud, query: str) -> None:
    assert many.raw("GET", f"projects/{PROJECT}/global/instanceTemplates?{query}")[0] == 400


def test_an_aggregated_list_names_every_scope_and_says_where_nothing_is(cloud: Cloud) -> None:
    cloud.group("pool", 0)
    pairs = dict(cloud.groups.aggregated_list(project=PROJECT))
    assert [each.name for each in pairs[f"zones/{ZONE}"].instance_group_managers] == ["pool"]
    empty = pairs["zones/us-central1-b"]
    assert empty.warning.code == "NO_RESULTS_ON_PAGE"
    assert empty.warning.message == "There are no results for scope 'zones/us-central1-b' on this page."
    assert (empty.warning.data[0].key, empty.warning.data[0].value) == ("scope", "zones/us-central1-b")
    assert "regions/us-central1" in pairs
    assert "global" not in pairs
    everywhere = dict(cloud.groups.aggregated_list({"project": PROJECT, "include_all_scopes": True}))
    assert "global" in everywhere


def test_an_aggregated_list_is_filtered_and_paged_over_scopes(cloud: Cloud) -> None:
    for zone in ("us-central1-a", "us-central1-b", "us-east1-c"):
        body = {"name": "pool", "targetSize": 0, "instanceTemplate": "global/instanceTemplates/small"}
        cloud.do(cloud.compute.insert_instance_group_manager, zone, body)
    pages = list(cloud.groups.aggregated_list({"project": PROJECT, "max_results": 2}).pages)
    counts = [sum(len(held.instance_group_managers) for held in page.items.values()) for page in pages]
    assert counts == [2, 1]
    chosen = cloud.groups.aggregated_list({"project": PROJECT, "filter": "zone:us-east1-c"})
    assert [scope for scope, held in chosen if held.instance_group_managers] == ["zones/us-east1-c"]
