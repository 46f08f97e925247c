"""The words of free text: how a word is recognised, and every fault of the files with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.vocabulary import Words, fold, is_one_edit, skeleton
from cds_service.knowledge.words import load_words

CARDS = Path(__file__).parents[3] / "cards" / "words"


@pytest.fixture(scope="module")
def words() -> Words:
    faults: list[Fault] = []
    loaded = load_words(CARDS, faults)
    assert faults == []
    return loaded


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("acdf", ("acdf",)),
        ("screws", ("screws",)),
        ("fusions", ("fusions",)),
        ("ankles", ("ankles",)),
        ("corsets", ("corset",)),
        ("laminectomies", ("laminectomies", "laminect*")),
        ("laminectomy", ("laminectomy", "laminect*")),
        ("revisionsspondylodese", ("revision*",)),
        ("fixateurspondylodese", ("*spondylodese",)),
        ("lumbra", ("lumbar",)),
        ("stimulater", ("stimulateur", "stimulator")),
        ("vrtbrplsty", ("vertebroplast*",)),
        ("spiral", ()),
        ("cordectomy", ("cordectomy",)),
        ("colpectomy", ()),
        ("tree", ()),
        ("strengths", ()),
        ("unrelatedwordofgreatlength", ()),
        ("zzfgh", ()),
    ],
)
def test_a_word_is_recognised(word: str, keys: tuple[str, ...], words: Words) -> None:
    assert tuple(sorted(words.keys_of_token(word))) == tuple(sorted(keys))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("fusion", "fusion", True), ("fuson", "fusion", True), ("fussion", "fusion", True), ("fusoin", "fusion", True),
     ("fuzion", "fusion", True), ("fuzon", "fusion", False), ("fus", "fusion", False), ("ufsino", "fusion", False)],
)  # fmt: skip
def test_one_edit(one: str, other: str, expected: bool) -> None:
    assert is_one_edit(one, other) is expected
    assert is_one_edit(other, one) is expected


def test_folding_loses_case_accents_and_odd_dashes() -> None:
    assert fold("Arthrodèse L4–L5\u00a0ß") == "arthrodese l4-l5 ss"
    assert fold("L4\\5") == "l4/5"


def test_a_skeleton_keeps_the_first_letter() -> None:
    assert skeleton("arthrodesis") == "arthrdss"


HEAD = """status: draft
written_by: A. Author
checked_by: not yet
checked_on: not yet
next_check: 2027-01-01
mark: D
source: own words
"""
SIGNS = (
    HEAD
    + """signs:
  fusion: {kind: operation, operation: fusion, note: bone}
  decompression: {kind: operation, operation: decompression}
  removal: {kind: removal}
  screws: {kind: part}
  lumbar: {kind: region, region: lumbar}
"""
)
ENGLISH = HEAD + "language: en\nwords:\n  fusion: [fusion]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "signs.yaml").write_text(SIGNS, encoding="utf-8")
    (tmp_path / "en.yaml").write_text(ENGLISH, encoding="utf-8")
    shutil.copy(CARDS / "levels.yaml", tmp_path)
    return tmp_path


def faults_of(folder: Path) -> list[str]:
    faults: list[Fault] = []
    load_words(folder, faults)
    return [str(fault) for fault in faults]


def test_small_whole_files_have_no_faults(folder: Path) -> None:
    assert faults_of(folder) == []


@pytest.mark.parametrize(
    ("file", "addition", "expected"),
    [
        ("signs.yaml", "  odd: {kind: colour}\n", "words/signs.yaml:14: signs.odd.kind"),
        ("signs.yaml", "  odd: {kind: part, fusion: perhaps}\n", "must be yes or no"),
        ("signs.yaml", "  odd: {kind: part, operation: fusion}\n", "operation and kind do not fit"),
        ("signs.yaml", "  odd: {kind: part, flavour: x}\n", "signs.odd.flavour: Unknown field"),
        (
            "signs.yaml",
            "combinations:\n  - {first: removal, second: nails, gives: fusion, within: 3}\n",
            "no sign 'nails'",
        ),
        ("signs.yaml", "  fusion: {kind: part}\n", "stands here twice"),
        ("en.yaml", "  dance: [tango]\n", "words/en.yaml:11: words.dance: no sign 'dance'"),
        ("en.yaml", "  decompression: [fusion]\n", "'fusion' already means 'fusion'"),
        ("en.yaml", "  decompression: [<lumbar>]\n", "nothing to match in '<lumbar>'"),
        ("en.yaml", "mood: good\n", "Unknown field"),
        ("en.yaml", "  lumbar: [\n", "cannot be read as YAML"),
        ("levels.yaml", "tango: yes\n", "Unknown field"),
    ],
)
def test_each_fault_is_told_with_its_place(folder: Path, file: str, addition: str, expected: str) -> None:
    with (folder / file).open("a", encoding="utf-8") as text:
        text.write(addition)

    assert any(expected in fault and f"words/{file}:" in fault for fault in faults_of(folder))


def test_every_language_fault_is_told_not_only_the_first(folder: Path) -> None:
    with (folder / "en.yaml").open("a", encoding="utf-8") as text:
        text.write("  dance: [tango]\n  song: [aria]\n")

    assert len(faults_of(folder)) == 2


@pytest.mark.parametrize("file", ["signs.yaml", "levels.yaml"])
def test_a_missing_or_empty_file_is_a_fault(folder: Path, file: str) -> None:
    (folder / file).write_text("", encoding="utf-8")
    assert any(f"words/{file}:1" in fault for fault in faults_of(folder))

    (folder / file).unlink()
    assert any("the file is missing" in fault for fault in faults_of(folder))


def test_a_missing_list_of_the_level_grammar_is_a_fault(folder: Path) -> None:
    levels = folder / "levels.yaml"
    levels.write_text(levels.read_text(encoding="utf-8").replace("  many:", "  units:", 1), encoding="utf-8")

    assert any("the list 'many' is missing" in fault for fault in faults_of(folder))


def test_combinations_are_read(folder: Path) -> None:
    with (folder / "signs.yaml").open("a", encoding="utf-8") as text:
        text.write("combinations:\n  - {first: removal, second: screws, gives: fusion, within: 3}\n")
    faults: list[Fault] = []

    loaded = load_words(folder, faults)

    assert faults == []
    assert [(one.first, one.second, one.gives.id, one.within) for one in loaded.combinations] == [
        ("removal", "screws", "fusion", 3)
    ]
