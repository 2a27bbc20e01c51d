"""The status page in a real browser: empty, busy and failing fleets and a thousand groups; by day, by night and on a
phone; with its script and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from poolwright.services import stop
from poolwright.status_page.site import HEADERS
from tests.status_page.browser import MISSING, PHONE, browser, program, visit
from tests.status_page.examples import HOSTILE
from tests.status_page.fleets import FLEETS, Looked, many

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not program(), reason=MISSING)]

PAGES = ("fleet", "drift", "rollouts", "provisioners", "audit")
LOOKS: dict[str, dict[str, Any]] = {
    "by day": {},
    "by night": {"color_scheme": "dark"},
    "on a phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
    "without its script": {"java_script_enabled": False},
}
ALL: dict[str, Callable[[Path], Any]] = {**FLEETS, "many": partial(many, groups=1000)}

# The least contrast of a text with what is behind it: https://www.w3.org/TR/WCAG22/#contrast-minimum.
CONTRAST = """() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = each => {
    for (; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const each of document.body.querySelectorAll("*")) {
    const own = [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !each.getClientRects().length) continue;
    const [a, b] = [light(numbers(getComputedStyle(each).color)), light(behind(each))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) worst.push(`${each.tagName} ${each.className}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(worst)];
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Shown:
    """A fleet, and where its page is."""

    fleet: Looked
    address: str


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Shown]]:
    """A fleet by its name, made once."""
    with ExitStack() as stack:

        @cache
        def show(name: str) -> Shown:
            fleet = stack.enter_context(ALL[name](tmp_path_factory.mktemp(name)))
            return Shown(fleet, stack.enter_context(fleet.served()))

        yield show


@contextmanager
def silent(started: Browser, address: str, **how: Any) -> Iterator[Any]:
    """A visit of which the browser has nothing to say."""
    with visit(started, address, **how) as found:
        yield found
        assert found.complaints == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ALL)
def test_every_page_is_whole_legible_and_within_the_screen(
    name: str, look: str, started: Browser, shown: Callable[[str], Shown]
) -> None:
    found = shown(name)
    rollouts = [f"rollouts/{each['id']}" for each in found.fleet.json("/rollouts.json")["rollouts"]]
    for path in (*PAGES, *rollouts[:1], "nothing/here"):
        with visit(started, f"{found.address}/{path}", **LOOKS[look]) as visited:
            assert visited.page.locator("main h1").count() == 1
            assert visited.page.locator("nav a").count() == len(PAGES)
            assert visited.page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "flex", "styled"
            assert visited.page.evaluate(WIDER) <= 0, path
            if look != "without its script" and (name != "many" or path == "drift"):
                assert visited.page.evaluate(CONTRAST) == [], path
            missing = [each for each in visited.complaints if "404" in each]
            assert visited.complaints == missing and bool(missing) == (path == "nothing/here"), path


def test_a_browser_keeps_to_the_policy_that_the_page_gives(started: Browser, shown: Callable[[str], Shown]) -> None:
    """What an attacker would add does not run; so the silence of the other tests says something."""
    with visit(started, f"{shown('empty').address}/fleet") as visited:
        visited.page.evaluate(
            """() => {
              document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='hit = 1'><b style='color:red'>");
              const script = document.createElement("script");
              script.textContent = "window.hit = 2";
              document.body.append(script);
            }"""
        )
        visited.page.wait_for_timeout(200)
        assert visited.page.evaluate("window.hit") is None
        told = [each.partition("CSP: ")[2] for each in visited.complaints if "CSP: " in each]
        assert {"script-src-elem", "script-src-attr", "style-src-attr"} <= set(told)
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_runs_nothing_and_breaks_no_page(
    text: str, started: Browser, shown: Callable[[str], Shown]
) -> None:
    address = f"{shown('empty').address}/audit?text={quote(text)}&kind={quote(text)}"
    for how in ({}, {"viewport": PHONE}):
        with silent(started, address, **how) as visited:
            assert visited.page.locator("main h1").inner_text() == "Audit"
            assert visited.page.locator("script").count() == 1
            assert visited.page.evaluate(WIDER) <= 0


def test_the_page_looks_again_by_itself_and_keeps_what_somebody_opened(
    started: Browser, shown: Callable[[str], Shown]
) -> None:
    found = shown("busy")
    (first, *_) = found.fleet.json("/rollouts.json")["rollouts"]
    with visit(started, f"{found.address}/rollouts/{first['id']}", stands_still=True) as visited:
        page = visited.page
        groups = page.locator("details").last
        groups.evaluate("each => { each.open = true }")
        stop.set_stop(found.fleet.flow.ports, who="ada@example.com", why="to see it")
        try:
            assert page.get_by_text("to see it").count() == 0
            page.clock.run_for(16_000)
            page.get_by_text("to see it").wait_for(timeout=10_000)
            assert groups.evaluate("each => each.open")
            assert page.locator("main").count() == 1
        finally:
            stop.lift(found.fleet.flow.ports, who="ada@example.com")


def test_a_page_that_gets_no_answer_says_that_it_is_old(started: Browser, shown: Callable[[str], Shown]) -> None:
    with visit(started, f"{shown('empty').address}/fleet", stands_still=True) as visited:
        page = visited.page
        assert not page.get_by_text("not current").is_visible()
        page.route("**/*", lambda route: route.abort())
        page.clock.run_for(16_000)
        page.get_by_text("not current").wait_for(state="visible", timeout=10_000)


def test_without_its_script_a_page_still_looks_again(started: Browser, shown: Callable[[str], Shown]) -> None:
    with silent(started, f"{shown('empty').address}/fleet", java_script_enabled=False) as visited:
        assert visited.page.locator('meta[http-equiv="refresh"]').get_attribute("content") == "60"


def test_the_keyboard_reaches_everything_and_shows_where_it_is(started: Browser, shown: Callable[[str], Shown]) -> None:
    with silent(started, f"{shown('failing').address}/audit") as visited:
        page, reached = visited.page, []
        for _ in range(14):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement !== document.body"):
                reached.append(page.evaluate("document.activeElement.textContent.trim().split('\\n')[0]"))
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
        assert reached[0] == "Skip to the content"
        assert {"Fleet", "Drift", "Rollouts", "Provisioners", "Audit", "Filter"} <= set(reached)


def test_a_filter_is_a_form_that_needs_no_script(started: Browser, shown: Callable[[str], Shown]) -> None:
    with silent(started, f"{shown('failing').address}/audit", java_script_enabled=False) as visited:
        page = visited.page
        page.get_by_label("Kind").fill("rollout")
        page.get_by_role("button", name="Filter").click()
        assert "kind=rollout" in page.url
        kinds = set(page.locator("tbody td:nth-child(2)").all_inner_texts())
        assert kinds == {"rollout"}
