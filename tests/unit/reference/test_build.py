"""The reference site: every item has its page, every link leads somewhere, nothing is fetched from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath

import pytest

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge, LocalChange
from cds_service.reference.build import bars, cite, pages, write_site
from tests.unit.knowledge.questions import a_grade, a_rule

CARDS = Path(__file__).parents[3] / "cards"


class Page(HTMLParser):
    """Collects what the tests look at: links, ids, headings, tags, text."""

    def __init__(self, html: str):
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes[tag] = given
        self.links += [value for key in ("href", "src") if (value := given.get(key))]
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)


@pytest.fixture(scope="module")
def site(knowledge: Knowledge) -> dict[str, Page]:
    more = replace(knowledge, rules=(*knowledge.rules, a_rule("RF99", grades=(a_grade(removes=("aerobic",)),))))
    return {path: Page(html) for path, html in pages(more)}


def test_every_protocol_and_exercise_has_its_page(site: dict[str, Page], knowledge: Knowledge) -> None:
    assert {f"protocols/{key}.html" for key in knowledge.protocols} <= set(site)
    assert {f"exercises/{key}.html" for key in knowledge.exercises} <= set(site)


def test_every_link_leads_to_a_page_and_a_place_on_it(site: dict[str, Page]) -> None:
    for path, page in site.items():
        for link in page.links:
            if link.startswith(("https://", "http://")):
                continue
            target, _, anchor = link.partition("#")
            there = normpath(join(dirname(path), target)) if target else path
            assert there in site or there.endswith("reference.css"), f"{path}: {link}"
            assert not anchor or anchor in site[there].ids, f"{path}: {link}"


def test_a_page_fetches_nothing_from_elsewhere_and_runs_nothing(site: dict[str, Page]) -> None:
    for path, page in site.items():
        assert not {"script", "img", "iframe", "form"} & set(page.tags), path


def test_headings_go_down_one_at_a_time_and_the_page_says_its_language(site: dict[str, Page]) -> None:
    for path, page in site.items():
        assert page.headings[0] == 1 and page.headings.count(1) == 1, path
        assert all(later <= earlier + 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False)), path
        assert page.attributes["html"] == {"lang": "en"}, path


def test_every_page_says_version_and_that_the_surgeon_overrides(site: dict[str, Page]) -> None:
    for page in site.values():
        assert "Knowledge 2026.1" in page.text
        assert "The surgeon's own instruction overrides" in page.text


def test_a_protocol_page_shows_its_weeks_marks_and_who_checked(site: dict[str, Page]) -> None:
    text = site["protocols/LUM_FUS.html"].text

    for said in ("nobody yet", "Week 26", "lift up to 2.3 kg (5 lb)", "V: seen in its source", "Never proposed"):
        assert said in text


def test_a_protocol_left_to_the_surgeon_says_so(site: dict[str, Page]) -> None:
    assert "To agree with the surgeon first." in site["protocols/THX_FUS.html"].text
    assert "To agree with the surgeon first." not in site["protocols/LUM_DISC.html"].text


def test_an_exercise_names_the_rules_that_can_take_it(site: dict[str, Page]) -> None:
    assert "RF99: Test rule" in site["exercises/jogging.html"].text


def test_a_source_nobody_verified_is_marked_as_not_cited(site: dict[str, Page]) -> None:
    text = site["bibliography.html"].text
    row = text[text.index("TUG fall risk") :]

    assert row[: row.index("from memory, NOT verified")].endswith("no")


def test_the_last_phase_ends_where_the_line_ends(knowledge: Knowledge) -> None:
    drawn = bars(knowledge.protocols["LUM_FUS"])

    assert drawn[0]["left"] == 0
    assert round(drawn[-1]["left"] + drawn[-1]["width"], 6) == 100


def test_what_a_hospital_changed_stands_on_the_first_page(knowledge: Knowledge) -> None:
    change = LocalChange("numbers.pool_week", "pool <week>", "12 weeks", "8 weeks", "looser", "Dr A.", "series", "o:1")
    local = replace(knowledge, overlay="Example Hospital", local_changes=(change,))

    html = dict(pages(local))["index.html"]

    assert "What Example Hospital does differently" in html
    assert "pool &lt;week&gt;" in html
    assert "Dr A.: series" in html


def test_a_source_in_one_line(knowledge: Knowledge) -> None:
    assert cite(knowledge.sources["O12"]) == "CDC STEADI. n.d.. TUG fall risk. cdc.gov/steadi."


def test_the_site_is_written_with_its_style(knowledge: Knowledge, tmp_path: Path) -> None:
    count = write_site(knowledge, tmp_path / "site")

    assert count == len(list((tmp_path / "site").rglob("*.html"))) > 90
    assert "@media print" in (tmp_path / "site" / "reference.css").read_text(encoding="utf-8")
