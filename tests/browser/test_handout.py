"""The patient sheet in a real browser: readable by all, and whole on paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, WIDE

SHEETS = [
    "surgery=LUM_FUS&week=6&language=en",
    "surgery=CRV_ACDF&week=12&language=es",
    "surgery=DEF_ADULT&week=0&language=de",
]
A4_PAGES = range(3, 9)
LARGE_POINTS = 14


def open_sheet(page: Page, service: str, query: str) -> None:
    page.goto(f"{service}/handout?{query}")
    page.wait_for_selector("article.exercise")


@pytest.mark.parametrize("query", SHEETS)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing_on_the_sheet(page: Page, service: str, query: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_sheet(page, service, query)

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("query", SHEETS)
def test_all_print_is_large_and_no_exercise_is_torn(page: Page, service: str, query: str) -> None:
    open_sheet(page, service, query)

    small = page.evaluate(
        """points => [...document.querySelectorAll('main *')].filter(one => one.childNodes.length
        && [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
        && !one.closest('svg') && parseFloat(getComputedStyle(one).fontSize) * 0.75 < points - 0.01).length""",
        LARGE_POINTS,
    )
    torn = page.evaluate(
        "[...document.querySelectorAll('.exercise')].some(one => getComputedStyle(one).breakInside !== 'avoid')"
    )
    assert small == 0 and not torn


@pytest.mark.parametrize("query", SHEETS)
def test_it_prints_on_a_few_a4_pages(page: Page, service: str, query: str, tmp_path: Path) -> None:
    open_sheet(page, service, query)

    printed = page.pdf(path=tmp_path / "sheet.pdf", prefer_css_page_size=True)

    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert len(boxes) in A4_PAGES
    assert all(abs(float(wide) - 595) < 2 and abs(float(high) - 842) < 2 for wide, high in boxes)
