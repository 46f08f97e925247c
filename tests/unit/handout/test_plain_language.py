"""How easy the sheet reads, measured: at or below 8th grade.

English: Flesch-Kincaid grade. German: first Vienna formula for non-fiction (a grade). Spanish: Fernández-Huerta, where
60 to 70 is 8th to 9th grade and 70 or more lies below it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
import textstat

from cds_service.handout.page import render_sheet
from cds_service.handout.sheet import make_sheet
from cds_service.knowledge.handout import LANGUAGES
from cds_service.knowledge.model import Knowledge
from tests.unit.handout.test_sheet import PHASES

GRADE = 8
EASY_SPANISH = 70
WHOLE_SHEET_GRADE = 6


def grade_en(text: str) -> float:
    textstat.set_lang("en_US")
    return float(textstat.flesch_kincaid_grade(text))


def grade_de(text: str) -> float:
    textstat.set_lang("de")
    return float(textstat.wiener_sachtextformel(text, 1))


def grade_es(text: str) -> float:
    """A grade of our own scale: 8 at the border of easy Spanish, one grade for each ten points."""
    textstat.set_lang("es")
    return GRADE - (float(textstat.fernandez_huerta(text)) - EASY_SPANISH) / 10


GRADES: dict[str, Callable[[str], float]] = {"en": grade_en, "de": grade_de, "es": grade_es}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_exercise_reads_at_or_below_8th_grade(language: str, knowledge: Knowledge) -> None:
    words = knowledge.sheets.languages[language].exercises
    hard = {
        key: grade
        for key, one in words.items()
        if (grade := GRADES[language](f"{one.name}. {' '.join(one.steps)} {one.dose or ''}")) > GRADE
    }

    assert hard == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", ["signs", "restrictions", "phrases"])
def test_every_part_of_the_sheet_reads_at_or_below_8th_grade(part: str, language: str, knowledge: Knowledge) -> None:
    texts = getattr(knowledge.sheets.languages[language], part).values()

    assert GRADES[language](" ".join(text.rstrip(".:") + "." for text in texts)) <= GRADE


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("surgery_type", "week"), PHASES)
def test_every_whole_sheet_reads_well_below_8th_grade(
    surgery_type: str, week: int, language: str, knowledge: Knowledge
) -> None:
    page = render_sheet(make_sheet(knowledge, surgery_type, week, language=language), knowledge, "x.css")

    assert GRADES[language](visible_text(page)) <= WHOLE_SHEET_GRADE


def visible_text(page: str) -> str:
    """What is read: blocks become sentences; pictures and the small print stay out."""
    body = page[page.index("<body>") :]
    body = re.sub(r"<svg.*?</svg>|<p class=\"small\">.*?</p>", "", body, flags=re.DOTALL)
    body = re.sub(r"</(?:p|li|h\d|dt|dd)>", ". ", body)
    text = html.unescape(re.sub(r"<[^>]+>", " ", body))
    return re.sub(r"(?:\s*[.:]\s*)+\.", ". ", re.sub(r"\s+", " ", text))


def test_the_measure_itself_tells_hard_from_easy() -> None:
    hard = {
        "en": "Postoperative immobilisation necessitates individualised physiotherapeutic rehabilitation considerations.",
        "de": "Postoperative Immobilisierungsmaßnahmen erfordern individualisierte physiotherapeutische Rehabilitationskonzepte.",
        "es": "La inmovilización postoperatoria requiere consideraciones fisioterapéuticas individualizadas y multidisciplinarias.",
    }

    assert all(GRADES[language](text) > GRADE for language, text in hard.items())
