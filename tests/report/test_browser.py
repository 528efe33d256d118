"""The page in a browser, as people open it: on a phone and on a desk, light and dark, without JavaScript.

Needs playwright and a Chromium (`make browser` installs it). Without, the tests are skipped; in CI they fail.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import NoBrowserError, expected, launched
from hostile import hostile_report
from reports_by_hand import a_large_report, a_report

from circuit_claims.report import html

pytestmark = pytest.mark.slow
if expected():  # a page that nobody opened must not look like one that passed
    import playwright.sync_api as playwright
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
REPORTS = {"by hand": a_report, "hostile": hostile_report, "large": a_large_report}
SIZES = {"phone": (390, 844), "desk": (1440, 900)}
OPENS_IN_S = 2.0
PATIENCE_MS = 180_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        try:
            browser = launched(driver)
        except NoBrowserError as why:
            if expected():
                pytest.fail(f"CI is set, and {why}")
            pytest.skip(str(why))
        yield browser
        browser.close()


def patient(browser: Any, **how: Any) -> Any:
    """A window of its own; a busy machine opens it late, which is judged by one test and no other."""
    context = browser.new_context(**how)
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    written = {name: folder / f"{name}.html" for name in REPORTS}
    for name, path in written.items():
        path.write_text(html.render(REPORTS[name]()), encoding="utf-8")
    return written


@pytest.fixture(params=REPORTS)
def page_file(request, pages) -> Path:
    return pages[request.param]


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def opened(request, chromium, page_file) -> Iterator[Any]:
    size, scheme = request.param
    width, height = SIZES[size]
    context = patient(
        chromium, viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=False
    )
    page = context.new_page()
    page.complaints = []
    page.requested = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto(page_file.as_uri())
    yield page
    context.close()


def test_it_is_read_without_javascript_and_asks_for_nothing(opened):
    assert opened.complaints == [], "the content policy had nothing to refuse"
    assert [url for url in opened.requested if not url.startswith(("file:", "data:"))] == []
    assert "hold" in opened.locator("h1").inner_text()
    assert opened.locator(".badge").first.is_visible()


def test_nothing_is_wider_than_the_screen(chromium, page_file):
    for width, height in SIZES.values():
        context = patient(chromium, viewport={"width": width, "height": height}, bypass_csp=True)
        page = context.new_page()
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def test_colours_follow_the_readers_choice(chromium, page_file):
    shades = {}
    for scheme in ("light", "dark"):
        context = patient(chromium, color_scheme=scheme)
        page = context.new_page()
        page.goto(page_file.as_uri())
        shades[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        context.close()
    assert shades["light"] != shades["dark"]


def test_the_first_key_leads_to_the_verdicts(chromium, page_file):
    page = patient(chromium).new_page()
    page.goto(page_file.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdicts"
    page.keyboard.press("Enter")
    page.wait_for_url("**#results")
    page.context.close()


def test_axe_finds_nothing_serious(chromium, page_file):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    for size, scheme in (("phone", "light"), ("desk", "dark")):
        width, height = SIZES[size]
        context = patient(
            chromium, viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        page.goto(page_file.as_uri())
        found = axe.Axe().run(page).response["violations"]
        told = [f"{v['impact']} {v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]
        assert [line for line in told if line.startswith(("serious", "critical"))] == []
        context.close()


def test_a_large_page_opens_at_once(chromium, pages):
    assert 2_000_000 < pages["large"].stat().st_size < 6_000_000, "as large as the paper's on three models"
    took = {}
    for size, (width, height) in SIZES.items():
        for _ in range(3):  # the fastest of three: other work on the machine is not the page's
            page = patient(chromium, viewport={"width": width, "height": height}).new_page()
            page.goto(pages["large"].as_uri())
            # From the start of the navigation until everything is loaded and laid out, as the browser says.
            (loaded,) = page.evaluate("performance.getEntriesByType('navigation').map(n => n.loadEventEnd)")
            painted = page.evaluate(
                "performance.getEntriesByType('paint').reduce((most, p) => Math.max(most, p.startTime), 0)"
            )
            took[size] = min(took.get(size, float("inf")), max(loaded, painted) / 1000)
            page.context.close()
    assert max(took.values()) < OPENS_IN_S, took


def test_the_first_screen_answers_which_findings_hold_and_why_one_does_not(chromium, pages):
    """What a person sees before scrolling, on a desk: verdicts with reasons, and a sentence to quote."""
    width, height = SIZES["desk"]
    page = patient(chromium, viewport={"width": width, "height": height}).new_page()
    page.goto(pages["large"].as_uri())

    def seen(selector):
        boxes = [(one.bounding_box(), one.inner_text()) for one in page.locator(selector).all()[:40]]
        return [text for box, text in boxes if box and box["y"] + box["height"] <= height]

    assert any("main findings" in text for text in seen(".quote"))
    badges = seen(".glance .badge")
    assert len(badges) >= 6
    assert any("refuted" in text for text in badges)
    assert any("found" in text or "needs" in text for text in seen(".glance td .brief"))
    page.context.close()
