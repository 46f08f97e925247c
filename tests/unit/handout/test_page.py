"""The page: every picture named, nothing loaded from elsewhere, nothing of a patient."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cds_service.handout.drawing import draw
from cds_service.handout.page import STYLE_FILE, render_sheet
from cds_service.handout.sheet import make_sheet
from cds_service.knowledge.figures import PROPS
from cds_service.knowledge.handout import LANGUAGES
from cds_service.knowledge.model import Knowledge
from tests.unit.handout.test_sheet import PHASES

_VOID = {"meta", "link", "br"}


class _Nesting(HTMLParser):
    """Tells whether every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("surgery_type", "week"), PHASES)
def test_every_phase_of_every_protocol_renders_in_every_language(
    surgery_type: str, week: int, language: str, knowledge: Knowledge
) -> None:
    sheet = make_sheet(knowledge, surgery_type, week, language=language)

    page = render_sheet(sheet, knowledge, "handout/handout.css")

    nesting = _Nesting()
    nesting.feed(page)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert f'<html lang="{language}">' in page
    assert page.count("<svg") == page.count("<title>") - 1 == len(sheet.exercises)
    assert sheet.words.phrases["overrides"] in page and sheet.words.phrases["emergency_do"] in page
    assert "{" not in page.replace("<style>", "") and "None" not in page


def test_the_page_loads_nothing_but_its_style_sheet(knowledge: Knowledge) -> None:
    page = render_sheet(make_sheet(knowledge, "LUM_FUS", 6), knowledge, "handout/handout.css")

    links = re.findall(r"(?:href|src)=\"([^\"]*)\"", page)
    assert links == ["handout/handout.css"]
    assert "<script" not in page and "style=" not in page


def test_a_page_for_a_disk_carries_its_style(knowledge: Knowledge) -> None:
    page = render_sheet(make_sheet(knowledge, "LUM_FUS", 6), knowledge)

    assert STYLE_FILE.read_text(encoding="utf-8") in page and "<link" not in page


def test_print_is_large() -> None:
    style = STYLE_FILE.read_text(encoding="utf-8")
    sizes = {
        rule: float(size)
        for rule, size in re.findall(r"^([\w. ,]+) \{[^}]*?font(?:-size)?: (\d+)pt", style, re.MULTILINE)
    }

    assert sizes["html"] >= 14
    assert {rule for rule, size in sizes.items() if size < 14} == {".small"}


def test_every_figure_is_drawn_with_its_title(knowledge: Knowledge) -> None:
    for exercise in knowledge.exercises.values():
        svg = draw(knowledge.sheets.figures[exercise.id], knowledge.sheets.postures, f"<{exercise.name}>")
        root = ElementTree.fromstring(svg)
        left, top, width, height = map(float, root.attrib["viewBox"].split())
        assert root.find("{http://www.w3.org/2000/svg}title").text == f"<{exercise.name}>"  # type: ignore[union-attr]
        assert 0 < height <= width <= 400 and left > -300 and top > -300, exercise.id


def test_every_thing_that_may_stand_in_the_file_can_be_drawn(knowledge: Knowledge) -> None:
    figure = {"to": {"preset": "stand"}, "props": sorted(PROPS)}

    assert draw(figure, knowledge.sheets.postures, "all of them").startswith("<svg")
    with pytest.raises(ValueError, match="no drawing for the prop 'piano'"):
        draw({"to": {"preset": "stand"}, "props": ["piano"]}, knowledge.sheets.postures, "x")
