"""report.html in a real browser: nothing of the user's runs, nothing is fetched, everybody can read and use it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.transformers.report.documents import EVIL, HOSTILE, everything, wide
from transformers.report import write_html

if TYPE_CHECKING:
    from tests.browser import Browser, Page

PHONE = 390
LARGEST = 3_000_000
COLUMNS = 500


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Page:
    return chromium.new_page()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("full") / "report.html"
    write_html(everything(), path)
    return path


@pytest.fixture(scope="module")
def very_wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide") / "report.html"
    write_html(wide(COLUMNS), path)
    return path


def test_what_a_cell_holds_is_shown_and_never_run(page: Page, full: Path) -> None:
    page.open(full)
    assert page.errors == []
    assert page.run(f"document.body.textContent.includes({HOSTILE!r})")
    assert page.run("document.querySelectorAll('img, iframe, object, main script').length") == 0
    assert page.run(
        "[...document.querySelectorAll('*')].every(e => e.getAttributeNames().every(n => !n.startsWith('on')))"
    )


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (PHONE, True)])
def test_axe_finds_nothing_serious(page: Page, full: Path, width: int, dark: bool) -> None:
    page.open(full, width=width, dark=dark)
    page.run("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.violations("serious", "critical") == []


def test_axe_can_fail(page: Page, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text("<html><img src='data:,'><p style='color: #aaa; background: #fff'>grey</p>")
    page.open(tmp_path / "bad.html")
    assert len(page.violations("serious", "critical")) >= 2


@pytest.mark.parametrize("width", [1280, 820, PHONE])
def test_the_page_is_never_wider_than_the_window(page: Page, full: Path, width: int) -> None:
    page.open(full, width=width)
    page.run("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.run("document.documentElement.scrollWidth") == width


def test_headings_come_in_order(page: Page, full: Path) -> None:
    page.open(full)
    levels = page.run("[...document.querySelectorAll('h1, h2, h3, h4')].map(heading => +heading.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_link_within_the_page_leads_somewhere(page: Page, full: Path) -> None:
    page.open(full)
    dead = (
        "[...document.querySelectorAll('a')].filter(a => !document.getElementById(decodeURIComponent(a.hash.slice(1))))"
    )
    assert page.run(f"{dead}.map(a => a.outerHTML)") == []


def test_every_section_has_its_place_in_the_contents(page: Page, full: Path) -> None:
    page.open(full)
    shown = page.run("[...document.querySelectorAll('nav a')].map(link => link.textContent)")
    assert shown == [
        *("Overview", "What to do next", "Quality", "Changes", "Before and after", "Columns", "Relations"),
        *("Drift", "Risks", "Governance", "Rules", "Issues", "Rows", "Agents", "Files"),
    ]


def test_a_table_is_sorted_from_the_keyboard(page: Page, full: Path) -> None:
    page.open(full)
    head = "document.querySelector('#issues th:nth-child(4)')"
    page.run(f"{head}.querySelector('button').focus()")
    page.press("Enter")
    page.press("Enter")
    assert page.run(f"{head}.getAttribute('aria-sort')") == "descending"
    cells = page.run("[...document.querySelectorAll('#issues tbody tr')].map(row => +row.cells[3].textContent)")
    assert cells == list(range(11, -1, -1))


def test_the_first_stop_of_the_keyboard_skips_to_the_report_and_is_seen(page: Page, full: Path) -> None:
    page.open(full)
    page.press("Tab")
    assert page.run("document.activeElement.textContent") == "Skip to the report"
    assert page.run("document.activeElement.getBoundingClientRect().top") >= 0


def test_five_hundred_columns_are_small_and_searched_at_once(page: Page, very_wide: Path) -> None:
    assert very_wide.stat().st_size < LARGEST
    page.open(very_wide)
    page.run("document.querySelector('#columns .search').focus()")
    page.press("", text="column 499")
    assert page.run("document.querySelector('#columns output').textContent") == "1 of 500 columns"
    assert page.run("document.querySelectorAll('.column:not([hidden])').length") == 1
    busy = "(() => { const from = performance.now(); const box = document.querySelector('#columns .search');"
    busy += " box.value = 'column 4'; box.dispatchEvent(new Event('input')); document.body.offsetHeight;"
    assert page.run(busy + " return performance.now() - from; })()") < 2000


def test_columns_are_put_in_order(page: Page, full: Path) -> None:
    page.open(full)
    page.run(
        "(() => { const order = document.querySelectorAll('#columns select')[0]; order.value = 'by name';"
        " order.dispatchEvent(new Event('change')); })()"
    )
    names = page.run("[...document.querySelectorAll('.column h3')].map(heading => heading.textContent)")
    assert names == [EVIL, "amount", "city", "joined", "tax"]


def test_a_plot_says_in_words_what_it_shows(page: Page, full: Path) -> None:
    page.open(full)
    named = page.run("[...document.querySelectorAll('svg[role=img]')].map(plot => plot.getAttribute('aria-label'))")
    assert "10 bins from 0 – 10 to 90 – 100; the tallest is 30 – 40 with 14 rows." in named
    assert all(len(text) > 20 for text in named)


def test_under_the_pointer_a_pair_is_read(page: Page, very_wide: Path) -> None:
    page.open(very_wide)
    place = page.run(
        "(() => { const plot = document.querySelector('svg.heat'); plot.scrollIntoView({behavior: 'instant'});"
        " const box = plot.getBoundingClientRect();"
        " return [box.left + box.width * 1.5 / 60, box.top + box.height * 2.5 / 60]; })()"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    assert page.run("document.querySelector('.tip').textContent") == "column 002 × column 001: -0.8"


def test_it_prints_on_pages_with_everything_unfolded(page: Page, full: Path) -> None:
    page.open(full)
    printed = page.pdf()
    pages = printed.count(b"/Type /Page\n")
    assert printed.startswith(b"%PDF")
    assert 3 <= pages <= 20


def test_on_paper_nothing_is_cut_off(page: Page, full: Path) -> None:
    page.open(full, width=720, printed=True)
    page.run("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.run("document.documentElement.scrollWidth") == 720


def test_without_scripts_it_is_whole(page: Page, full: Path) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(full)
        text = page.call("DOM.getOuterHTML", nodeId=page.call("DOM.getDocument", depth=0)["root"]["nodeId"])
        assert text["outerHTML"].count('<article class="column"') == 5
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (PHONE, True)])
def test_a_screenshot_is_taken(page: Page, full: Path, tmp_path: Path, width: int, dark: bool) -> None:
    page.open(full, width=width, dark=dark)
    page.screenshot(tmp_path / "page.png", whole=True)
    picture = (tmp_path / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == width
    assert page.errors == []


def test_on_paper_no_table_runs_over_what_follows(page: Page, full: Path) -> None:
    page.open(full, width=700, printed=True)
    page.run("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.run(
        "document.querySelectorAll('.panel .scroll tbody').forEach(body => {"
        " for (let i = 0; i < 40; i++) body.append(body.rows[0].cloneNode(true)); })"
    )
    cut = "[...document.querySelectorAll('.scroll')].filter(each => each.scrollHeight > each.clientHeight + 2).length"
    assert page.run(cut) == 0


def test_a_link_arrives_also_where_the_page_is_long(page: Page, very_wide: Path) -> None:
    page.open(very_wide)
    page.run("location.hash = '#c400'")
    settled = (
        "new Promise(done => setTimeout(() => done(document.getElementById('c400').getBoundingClientRect().top), 50))"
    )
    tops = [page.run(settled) for _ in range(40)]
    assert 0 <= tops[-1] < 100
