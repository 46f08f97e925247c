"""The rule files: complete against the dossier's tables, and every fault told with file and line."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.codelists import load_codelists, load_measures
from cds_service.knowledge.model import Effect, Knowledge, Severity
from cds_service.knowledge.rules import (
    load_data_quality,
    load_modifiers,
    load_outcome_measures,
)

CARDS = Path(__file__).parents[3] / "cards"
SHARED = Path(os.environ.get("SPINE_CDS_SHARED", CARDS.parent.parent / "shared"))


def _tables() -> dict:
    file = SHARED / "clinical" / "tables.json"
    if not file.exists():
        pytest.skip(f"the shared tables are not here: {file}")
    return json.loads(file.read_text())


def test_all_45_rules_and_12_data_quality_rules_are_there(shipped: Knowledge) -> None:
    ids = {rule.id for rule in shipped.rules}

    assert {f"RF{number:02}" for number in range(1, 46)} <= ids
    assert set(shipped.data_quality) == {f"DQ{number:02}" for number in range(1, 13)}


def test_every_severity_of_the_tables_is_a_grade(shipped: Knowledge) -> None:
    rules = {rule.id: rule for rule in shipped.rules}
    for row in _tables()["rules"]:
        wanted = set(re.findall("critical|warning|info|note", row["severity"].split("(not a separate alert")[0]))
        given = {grade.severity.value for grade in rules[row["id"]].grades}

        assert wanted <= given, (row["id"], wanted, given)


def test_every_effect_and_tag_of_the_tables_is_in_a_grade(shipped: Knowledge) -> None:
    rules = {rule.id: rule for rule in shipped.rules}
    for row in _tables()["rules"]:
        grades = rules[row["id"]].grades
        for effect in ("STOP_ALL", "BASELINE_ONLY"):
            if effect in row["effect"]:
                assert any(grade.effect is Effect(effect) for grade in grades), (row["id"], effect)
        touched = {tag for grade in grades for tag in (*grade.removes, *grade.supervises)}
        for removed in re.findall(r"REMOVE ([a-z_, ]+)", row["effect"]):
            tags = {tag.strip() for tag in removed.split(",")} & set(shipped.tags)
            assert tags <= touched, (row["id"], tags - touched)


def test_every_source_of_the_tables_is_cited(shipped: Knowledge) -> None:
    rules = {rule.id: rule for rule in shipped.rules}
    for row in _tables()["rules"]:
        wanted = {key for key in re.split(r"[,; ]+", row["src"]) if key in shipped.sources}
        given = {source for grade in rules[row["id"]].grades for source in grade.sources} | set(
            rules[row["id"]].sources
        )

        assert wanted <= given, (row["id"], wanted - given)


def test_every_modifier_changes_list_dose_or_text(shipped: Knowledge) -> None:
    assert len(shipped.modifiers) == 20
    assert all(modifier.changes for modifier in shipped.modifiers)


def test_a_note_explains_a_withheld_item_and_is_no_alert(shipped: Knowledge) -> None:
    notes = {rule.id for rule in shipped.rules for grade in rule.grades if grade.severity is Severity.NOTE}

    assert notes == {"AP01", "RF43"}


def test_every_rule_says_what_is_shown_when_it_cannot_be_asked(shipped: Knowledge) -> None:
    assert all(len(rule.if_unknown) > 10 for rule in shipped.rules)
    assert all(rule.file.endswith(".yaml") and rule.line > 1 for rule in shipped.rules)


def test_the_rules_tell_what_kinds_of_data_they_need(shipped: Knowledge) -> None:
    assert shipped.needs == {"patient", "procedures", "observations", "conditions", "medications"}
    assert shipped.is_draft


@pytest.mark.parametrize(
    ("file", "before", "after", "place", "words"),
    [
        ("safety/neurology.yaml", "codelist: c5_palsy", "codelist: c5_pulsy", "safety/neurology.yaml:", "no codelist 'c5_pulsy'"),
        ("safety/neurology.yaml", "- id: RF33", "- id: RF24", "safety/neurology.yaml:", "the rule RF24 stands twice"),
        ("safety/neurology.yaml", "- id: RF33", "- id: 33", "safety/neurology.yaml:", "does not match"),
        ("safety/neurology.yaml", "sources: [R40, R07]", "sources: [R40, R7]", "safety/neurology.yaml:", "'R7' is no source"),
        ("safety/neurology.yaml", "supervises: [balance]", "supervises: [balanse]", "safety/neurology.yaml:", "'balanse' is no tag"),
        ("safety/neurology.yaml", "        effect: STOP_ALL\n", "        effect: STOP\n", "safety/neurology.yaml:", "Must be one of"),
        ("safety/neurology.yaml", "    if_unknown: Signs of cord disease could not be checked.\n", "", "rules.4.if_unknown", "missing"),
        ("safety/neurology.yaml", "{because}", "{reason}", "say", "no placeholder {reason}"),
        ("safety/neurology.yaml", "above: 200, unit: mL", "above: 200", "measure", "lacks the key 'unit'"),
        ("safety/neurology.yaml", "- id: present", "- id: getting_worse", "grades", "two grades have the same id"),
        ("safety/neurology.yaml", "effect: REMOVE\n        supervises: [balance]", "effect: REMOVE", "effect", "does not fit"),
        ("safety/approach.yaml", "removes_exercises: [supine_march]", "removes_exercises: [march]", "removes_exercises", "no exercise"),
        ("safety/ladder.yaml", "sets_protocol: TUMOUR", "sets_protocol: TUMOR", "sets_protocol", "is no protocol"),
        ("safety/ladder.yaml", "status: draft", "status: daft", "safety/ladder.yaml:", "Must be one of"),
        ("data_quality.yaml", "{id: DQ02", "{id: DQ01", "data_quality.yaml:", "DQ01 stands twice"),
        ("data_quality.yaml", "severity: info", "severity: mild", "data_quality.yaml:", "Must be one of"),
        ("modifiers.yaml", "by_rule: RF42", "by_rule: RF99", "by_rule", "'RF99' is no safety rule"),
        ("modifiers.yaml", "by_rule: RF42, lowest_dose: yes", "lowest_dose: yes", "changes", "changes the list without a rule"),
        ("modifiers.yaml", "lowest_dose: yes, ", "", "changes", "do not fit together"),
        ("modifiers.yaml", "sources: [R44, O12]", "sources: [R44, O99]", "sources", "'O99' is no source"),
        ("modifiers.yaml", "modifiers:", "modifier:", "modifiers.yaml:", "not known"),
        ("outcome_measures.yaml", "measure: odi\n", "measure: ody\n", "measure", "'ody' is no measure"),
        ("outcome_measures.yaml", "sources: [O09]", "sources: [O99]", "sources", "'O99' is no source"),
        ("outcome_measures.yaml", "mark: M", "mark: X", "mark", "is no mark"),
        ("measures.yaml", "fresh_for: 24 hours", "fresh_for: a day", "fresh_for", "not a length of time"),
        ("measures.yaml", 'from: "25"', 'from: "cold"', "from", "not a number"),
        ("measures.yaml", "codes: {loinc: [8310-5", "codes: {loink: [8310-5", "codes", "no code system 'loink'"),
        ("measures.yaml", "sources: [C05]", "sources: [C99]", "sources", "'C99' is no source"),
        ("codelists/lists.yaml", "name: stridor", "name: n/a", "name", "says nothing"),
        ("codelists/cond_codes.csv", "stridor,snomed,70407001", "strider,snomed,70407001", "cond_codes.csv:", "no list 'strider'"),
        ("codelists/cond_codes.csv", "stridor,snomed,70407001", "stridor,snowmed,70407001", "cond_codes.csv:", "no code system"),
        ("codelists/cond_codes.csv", "stridor,snomed,70407001,no", "stridor,snomed,70407001,maybe", "cond_codes.csv:", "family"),
        ("codelists/cond_codes.csv", "70407001,no,Stridor,V", "70407001,no,Stridor,W", "cond_codes.csv:", "is no mark"),
        ("codelists/cond_codes.csv", "70407001,no,Stridor,V", "70407001,no,,V", "cond_codes.csv:", "without its term"),
        ("codelists/cond_codes.csv", "stridor,icd10cm,R06.1", "stridor,snomed,70407001", "cond_codes.csv:", "twice"),
    ],
)  # fmt: skip
def test_faults_name_file_and_line(faulty, file: str, before: str, after: str, place: str, words: str) -> None:
    faults = faulty(file, before, after)

    assert any(place in fault and words in fault for fault in faults), faults
    assert all(re.match(r"[\w/.]+:\d+", fault) for fault in faults)


def test_a_measure_needs_a_way_to_be_recognised(faulty) -> None:
    faults = faulty("measures.yaml", "codes: {loinc: [39156-5]}", "codes: {}")

    assert any("neither codes nor words" in fault for fault in faults)


def test_a_list_needs_codes_or_words(faulty) -> None:
    faults = faulty("codelists/lists.yaml", "lists:\n", "lists:\n  empty:\n    name: nothing yet\n")

    assert any("neither codes nor words" in fault for fault in faults)


def test_an_anchor_that_holds_itself_is_a_fault(faulty) -> None:
    faults = faulty(
        "safety/ladder.yaml",
        "        when:\n          has_condition:",
        "        when: &self\n          all: [*self]\n        x:\n          has_condition:",
    )

    assert any("holds itself" in fault for fault in faults)


def test_retired_rules_are_not_asked(folder) -> None:
    folder.change("safety/throat.yaml", "status: draft", "status: retired")

    assert not {"RF04", "RF05"} & {rule.id for rule in folder.load().rules}


def test_missing_files_are_told_not_guessed(folder) -> None:
    for name in (
        "data_quality.yaml",
        "modifiers.yaml",
        "outcome_measures.yaml",
        "measures.yaml",
        "codelists/lists.yaml",
    ):
        (folder.path / name).unlink()
    faults: list[Fault] = []

    assert load_measures(folder.path, {}, {}, faults) == {}
    assert load_codelists(folder.path, {}, faults) == {}
    assert load_data_quality(folder.path, {}, faults) == {}
    assert load_modifiers(folder.path, None, (), {}, faults) == ()
    assert load_outcome_measures(folder.path, None, {}, faults) == ((), ())
    assert len(faults) == 5
