"""The operation tables: read strictly, every fault named with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.surgery import CodedMeaning, LevelCount, MeaningTable, load_surgery

CARDS = Path(__file__).parents[3] / "cards"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    shutil.copytree(CARDS / "codelists", tmp_path / "codelists")
    shutil.copytree(CARDS / "words", tmp_path / "words")
    return tmp_path


def faults_of(cards: Path) -> list[str]:
    faults: list[Fault] = []
    load_surgery(cards, faults)
    return [str(fault) for fault in faults]


def change(cards: Path, name: str, old: str, new: str) -> int:
    """Replace the first *old* in a table; give the line it stands on."""
    file = cards / "codelists" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_tables_have_no_fault(cards) -> None:
    assert faults_of(cards) == []


def test_a_missing_table_is_a_fault(cards) -> None:
    (cards / "codelists" / "surgery_sites.csv").unlink()

    assert any("surgery_sites.csv: the file is missing" in fault for fault in faults_of(cards))


def test_a_table_that_is_not_utf8_is_a_fault(cards) -> None:
    (cards / "codelists" / "surgery_sites.csv").write_bytes(b"system,code\xff")

    assert any("surgery_sites.csv:1: not UTF-8" in fault for fault in faults_of(cards))


def test_other_columns_are_a_fault(cards) -> None:
    change(cards, "surgery_sites.csv", "system,code,family", "system,code,kind")

    assert any("surgery_sites.csv:1: columns" in fault for fault in faults_of(cards))


def test_an_empty_line_is_no_fault(cards) -> None:
    file = cards / "codelists" / "surgery_sites.csv"
    file.write_text(file.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")

    assert faults_of(cards) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("surgery_sites.csv", "58820006,no,", "58820006,no,more,", "9 cells"),
        ("surgery_sites.csv", "58820006,no,", "58820006,perhaps,", "family is 'perhaps'"),
        ("surgery_sites.csv", ",V,dossier 1.3", ",V,", "mark or source is empty"),
        ("surgery_sites.csv", ",V,dossier 1.3", ",?,dossier 1.3", "mark is '?'"),
        ("surgery_classes.csv", "tumour,1,", "tumour,first,", "rank is 'first'"),
        ("procedures_mds.csv", "LA29544-6", "LA29545-3", "stands twice"),
        ("procedures_icd9.csv", "icd9,", "icd8,", "system is 'icd8'"),
        ("procedures_cpt.csv", ",fusion,cervical,", ",union,cervical,", "class is 'union'"),
        ("procedures_cpt.csv", ",fusion,cervical,", ",fusion,neck,", "region is 'neck'"),
        ("icd10pcs_body_parts.csv", ",2+,", ",many,", "levels is 'many'"),
        ("icd10pcs_body_parts.csv", ",2-7,", ",two-seven,", "levels is 'two-seven'"),
        ("surgery_types.csv", "tumour,*,*,", "tumour,cervical,*,", "class tumour has no row for any region"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(cards, name, old, new, words) -> None:
    line = change(cards, name, old, new)

    named = [fault for fault in faults_of(cards) if words in fault]
    assert named
    assert name in named[0]
    if "twice" not in words and "no row" not in words:
        assert f"{name}:{line}" in named[0]


def test_a_body_system_without_a_last_rule_is_a_fault(cards) -> None:
    change(cards, "icd10pcs_rules.csv", "limb-bone,XN,*,*", "limb-bone,XN,S,*")

    assert any("body system XN" in fault for fault in faults_of(cards))


def test_levels_are_exact_or_a_least_number() -> None:
    assert LevelCount(2, 2).is_exact
    assert not LevelCount(2, None).is_exact


def test_the_longest_family_speaks() -> None:
    table = MeaningTable(
        (
            CodedMeaning("icd10cm", "M48.0", True, "stenosis", "spine"),
            CodedMeaning("icd10cm", "M48.06", True, "lumbar stenosis", "lumbar"),
            CodedMeaning("snomed", "1", False, "one", "cervical"),
        )
    )

    found = [
        table.find(key) for key in (("icd10cm", "M48.061"), ("icd10cm", "M48.01"), ("snomed", "1"), ("snomed", "12"))
    ]
    assert [one.value if one else None for one in found] == ["lumbar", "spine", "cervical", None]
