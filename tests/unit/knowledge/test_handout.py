"""Reading the patient sheet's files: every slip of the pen is told with file and line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.handout import load_handout
from cds_service.knowledge.model import Knowledge
from tests.unit.knowledge.conftest import Folder

Faulty = Callable[[str, str, str], list[str]]
EN, ES, SHEET, FIGURES = "handout/en.yaml", "handout/es.yaml", "handout/sheet.yaml", "figures.yaml"


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        (ES, '  "no sport": "No haga deporte."\n', "", "'no sport' has no words in this language"),
        (ES, "  fever: Tiene fiebre.\n", "", "'fever' has no words in this language"),
        (ES, "  daily: Cada día.\n", "", "'daily' has no words in this language"),
        (ES, "  SCS: Un", "  SCX: Un", "'SCX' is no protocol we know"),
        (ES, "  knee_rolls:", "  knee_rools:", "'knee_rolls' has no words in this language"),
        (EN, "  calf: your", "  shin: your", "'calf' has no words in this language"),
        (
            EN,
            '"Week {week} of your plan"',
            '"Week {weak} of your plan"',
            "the places to fill in do not fit; expected {week}",
        ),
        (
            EN,
            '"Week {week} of your plan"',
            '"Week {week of your plan"',
            "the places to fill in do not fit; expected {week}",
        ),
        (EN, "how: How to do it", "how: How to do {it}", "expected no {places}"),
        (EN, "Lift no more than 9 kg.", "Lift no more than 8 kg.", "the number 8 does not stand in 'lift up to 9 kg'"),
        (EN, "Lift no more than 9 kg.", "Lift little.", "the number 9 of 'lift up to 9 kg' is lost"),
        (EN, "Take 5 slow breaths", "Take 15 slow breaths", "the number 15 does not stand in"),
        (EN, "Hold no more than 1 kg", "Hold no more than 2 kg", "the number 2 does not stand in"),
        (EN, "    dose: Do this as you need it at home.\n", "", "the catalogue counts nothing here"),
        (EN, "language: en\n", "language: de\n", "'de' in the file of 'en'"),
        (EN, "language: en\n", "language: fr\n", "Must be one of"),
        (EN, "    name: Belly breathing\n", "", "this key is missing"),
        (EN, "written_by: Spine CDS authors\n", "", "this key is missing"),
        (SHEET, "rules: [RF01]", "rules: [F99]", "no id of a safety rule"),
        (SHEET, "surgery_types: [SCS]", "surgery_types: [SCX]", "'SCX' is no protocol we know"),
        (SHEET, "sources: [R26]", "sources: [R999]", "'R999' is no source we know"),
        (SHEET, "{id: fever,", "{id: calf,", "the id 'calf' stands here twice"),
        (SHEET, "ankle_pumps, ", "", "ankle_pumps has no sign at which to stop"),
        (SHEET, "[water_walking, swimming]", "[water_walking, diving]", "'diving' is no exercise we know"),
        (SHEET, "act: emergency, rules", "act: later, rules", "Must be one of"),
        (FIGURES, "  bridge: {", "  brigde: {", "bridge has no figure"),
        (FIGURES, "  bridge: {", "  brigde: {", "'brigde' is no exercise we know"),
        (FIGURES, "from: {preset: crook}", "from: {preset: crock}", "'crock' is no posture we know"),
        (FIGURES, "trunk: 90, head", "trunk: upright, head", "'upright' is no angle"),
        (FIGURES, "trunk: 90, head", "trunk: 900, head", "'900' is no angle"),
        (FIGURES, "arm: [-84, -78]", "arm: [-84]", "2 angles belong here"),
        (FIGURES, "stand: {trunk: 90, ", "stand: {", "the posture lacks trunk"),
        (FIGURES, "props: [mat]", "props: [piano]", "Must be one of"),
        (FIGURES, "squeeze: hip", "squeeze: lemon", "Must be one of"),
    ],
)
def test_a_slip_is_told_with_file_and_line(file: str, before: str, after: str, told: str, faulty: Faulty) -> None:
    found = [one for one in faulty(file, before, after) if told in one]

    assert found and all(one.startswith(f"{file}:") for one in found), told


def test_a_missing_language_is_a_fault(folder: Folder) -> None:
    (folder.path / EN).unlink()

    assert "handout/en.yaml:1: the file is missing" in folder.faults()[0]


@pytest.mark.parametrize("file", [SHEET, FIGURES])
def test_a_missing_file_of_the_sheet_is_a_fault_and_the_rest_is_still_read(file: str, folder: Folder) -> None:
    (folder.path / file).unlink()

    assert [one for one in folder.faults() if not one.startswith(f"{file}:1: the file is missing")] == []


def test_a_new_limit_without_its_plain_words_stops_the_start(faulty: Faulty) -> None:
    found = faulty("protocols/LUM_FUS.yaml", "nothing overhead", "nothing above the head")

    assert len([one for one in found if "'nothing above the head' has no words in this language" in one]) == 3


def test_every_file_of_the_sheet_says_who_answers_for_it(shipped: Knowledge) -> None:
    assert {"figures.yaml", SHEET, EN, ES, "handout/de.yaml"} <= set(shipped.tables)


def test_every_sign_goes_with_rules_that_exist(shipped: Knowledge) -> None:
    known = {rule.id for rule in shipped.rules}

    assert {rule for sign in shipped.sheets.signs for rule in sign.rules} <= known


def test_what_is_loaded_is_whole(folder: Folder, shipped: Knowledge) -> None:
    faults: list[Fault] = []

    loaded = load_handout(folder.path, shipped.protocols, shipped.exercises, shipped.sources, faults)

    assert faults == [] and loaded.sheets == shipped.sheets
    assert set(loaded.sheets.figures) == set(shipped.exercises)
