"""House test 4: every card file has its checker and dates, known sources, unique ids; every key has its paragraph."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from marshmallow import Schema, fields

from cds_service.errors import Fault
from cds_service.knowledge import (
    appointments,
    clinical_path,
    codelists,
    exercise_words,
    exercises,
    figures,
    handout,
    order_content,
    overlay,
    protocols,
    rules,
    shapes,
    sources,
)  # fmt: skip
from cds_service.knowledge.load import check_knowledge
from cds_service.knowledge.model import Knowledge, Permission
from cds_service.patient.criteria import COMBINATORS, QUESTIONS, compile_condition

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "cards"
README = (CARDS / "README.md").read_text(encoding="utf-8")
YAML_FILES = sorted(CARDS.rglob("*.yaml"))
CSV_FILES = sorted(CARDS.rglob("*.csv"))


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    checked = check_knowledge(CARDS, None, date(2026, 1, 1))
    assert checked.faults == ()
    assert checked.knowledge is not None
    return checked.knowledge


def _name(file: Path) -> str:
    return file.relative_to(CARDS).as_posix()


@pytest.mark.parametrize("file", YAML_FILES, ids=_name)
def test_each_file_says_who_answers_for_it(file: Path) -> None:
    body = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert {"status", "written_by", "checked_by", "checked_on", "next_check"} <= set(body)
    assert body["status"] in ("draft", "active", "retired")
    if body["checked_by"] == shapes.NOBODY_YET:
        assert (body["status"], body["checked_on"]) == ("draft", shapes.NOT_YET)
    else:
        assert isinstance(body["checked_on"], date)
    assert isinstance(body["next_check"], date)


@pytest.mark.parametrize("file", CSV_FILES, ids=_name)
def test_each_table_is_answered_for_in_knowledge_yaml(file: Path, knowledge: Knowledge) -> None:
    assert _name(file) in knowledge.tables or _name(file.parent) in knowledge.tables


def test_no_file_holds_code_or_markup() -> None:
    for file in YAML_FILES:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
        assert not re.search(r"</?(p|b|i|br|a|div|span|script)\b|\{\{|lambda |^import |: !", "\n".join(lines)), _name(
            file
        )


def test_every_source_is_used_or_says_what_it_is_for(knowledge: Knowledge) -> None:
    assert [key for key, source in knowledge.sources.items() if not source.used_for] == []


def test_no_card_can_cite_what_was_never_verified(knowledge: Knowledge) -> None:
    words = re.compile(r"NOT verified|from memory, NOT|second-hand only|title/existence|rejected|read before citing")

    assert [key for key, one in knowledge.sources.items() if one.citable and words.search(one.status)] == []


def test_every_exercise_can_reach_a_list(knowledge: Knowledge) -> None:
    reachable = {
        cell.exercise
        for protocol in knowledge.protocols.values()
        for cell in protocol.first_weeks.values()
        if cell.permission in (Permission.PLAIN, Permission.SUPERVISED)
    }

    assert reachable == set(knowledge.exercises)


def test_the_columns_of_the_tables_are_those_of_the_reader() -> None:
    for name, columns in (("exercises.csv", exercises.COLUMNS), ("sources.csv", sources.COLUMNS)):
        with (CARDS / name).open(encoding="utf-8", newline="") as lines:
            assert tuple(next(csv.reader(lines))) == columns


def _keys(schema: Schema) -> set[str]:
    found: set[str] = set()
    for name, field in schema.fields.items():
        found.add(field.data_key or name)
        for inner in (field, getattr(field, "inner", None), getattr(field, "value_field", None)):
            if isinstance(inner, fields.Nested):
                found |= _keys(inner.schema)
    return found


@pytest.mark.parametrize(
    "schema",
    [
        protocols._Protocol(), clinical_path._ClinicalPath(), clinical_path._Notes(), exercises._Tags(), overlay._Overlay(),
        rules._RulesFile(), rules._QualityFile(), rules._ModifiersFile(), rules._OutcomesFile(), codelists._Measures(),
        codelists._Lists(), order_content._OrdersFile(), exercise_words._WordsFile(), handout._Structure(),
        handout._LanguageFile(), figures._FiguresFile(), appointments._AppointmentsFile(),
    ],
    ids=lambda schema: type(schema).__name__,
)  # fmt: skip
def test_every_key_has_its_paragraph_in_the_readme(schema: Schema) -> None:
    missing = sorted(key for key in _keys(schema) if f"`{key}`" not in README and f"{key}:" not in README)

    assert missing == []


@pytest.mark.parametrize("columns", [exercises.COLUMNS, sources.COLUMNS], ids=["exercises", "sources"])
def test_every_column_has_its_paragraph_in_the_readme(columns: tuple[str, ...]) -> None:
    assert [column for column in columns if f"`{column}`" not in README] == []


@pytest.mark.parametrize("question", [*COMBINATORS, *sorted(QUESTIONS)])
def test_every_question_has_its_paragraph_with_an_example(question: str) -> None:
    part = README[README.index("## The questions a rule may ask") :]
    paragraph = next((one for one in part.split("\n\n") if f"`{question}`" in one.split("\n: ")[0]), "")

    assert paragraph, f"{question} has no paragraph in cards/README.md"
    assert question in COMBINATORS or f"{{{question}: " in paragraph or "`{" in paragraph


def test_every_example_of_a_question_works(knowledge: Knowledge) -> None:
    part = README[README.index("## The questions a rule may ask") : README.index("## Your hospital's own changes")]
    examples = re.findall(r"`(\{[a-z_]+:.*?\})`", part.replace("\n  ", " "))

    assert len(examples) >= 15
    for example in examples:
        faults: list[Fault] = []
        compile_condition(_as_text(yaml.compose(example)), knowledge.known, str, faults)
        assert faults == [], example


def _as_text(node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _as_text(value) for key, value in node.value}
    return [_as_text(one) for one in node.value] if isinstance(node, yaml.SequenceNode) else node.value


def test_every_number_of_the_clinical_path_that_the_program_needs_is_whole(knowledge: Knowledge) -> None:
    assert all(isinstance(knowledge.settings[key], int) for key in clinical_path.REQUIRED_NUMBERS)


def test_the_seed_document_is_covered_by_things_that_exist(knowledge: Knowledge) -> None:
    text = (ROOT / "docs" / "knowledge-coverage.md").read_text(encoding="utf-8").split("## The seed document")[1]
    written = "\n".join(file.read_text(encoding="utf-8") for file in YAML_FILES if file.parent.name == "safety")

    for name in re.findall(r"`([a-z]+_[a-z0-9_]+|elliptical|swimming)`", text):
        assert name in knowledge.exercises or name == "dose_ladder", name
    for name in re.findall(r"`(RF\d\d)`", text):
        assert f"id: {name}" in written, name
