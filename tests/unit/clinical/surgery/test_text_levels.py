"""The level grammar: what counts as a level, what does not, and how a run becomes segments."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.clinical.surgery.text_levels import (
    find_counts,
    find_levels,
    in_order,
    segments_between,
    vertebrae_between,
)
from cds_service.errors import Fault
from cds_service.knowledge.level_words import LevelWords
from cds_service.knowledge.vocabulary import fold
from cds_service.knowledge.words import load_words

CARDS = Path(__file__).parents[4] / "cards" / "words"


@pytest.fixture(scope="module")
def words() -> LevelWords:
    faults: list[Fault] = []
    levels = load_words(CARDS, faults).levels
    assert faults == [] and levels is not None
    return levels


def runs(text: str, words: LevelWords) -> list[str]:
    return [f"{found.first}-{found.last}" for found in find_levels(fold(text), words) if not found.is_root]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L4/5", "L4-L5"), ("L4-5", "L4-L5"), ("L4-L5", "L4-L5"), ("L4/L5", "L4-L5"), ("L4 – L5", "L4-L5"),
        ("L4-S1", "L4-S1"), ("C5-7", "C5-C7"), ("C5,6,7", "C5-C7"), ("C5-C6-C7", "C5-C7"), ("C4/5/6", "C4-C6"),
        ("C5/6 C6/7", "C5-C6 C6-C7"), ("L3-4, 4-5", "L3-L4 L4-L5"), ("L4/5 und 5/S1", "L4-L5 L5-S1"),
        ("L3/4 + 4/5", "L3-L4 L4-L5"), ("L4-5, 5-1", "L4-L5 L5-S1"), ("C5 & 6", "C5-C6"),
        ("T10-pelvis", "T10-S1"), ("T10 to the ilium", "T10-S1"), ("L2 to sacrum", "L2-S1"), ("T4 to L1", "T4-L1"),
        ("L5/S1", "L5-S1"), ("L5-1", "L5-S1"), ("T12/L1", "T12-L1"), ("C7-1", "C7-T1"), ("D12", "T12-T12"),
        ("Th12-L2", "T12-L2"), ("LWK 4/5", "L4-L5"), ("BWK 12", "T12-T12"), ("LWK 4 bis SWK 1", "L4-S1"),
        ("L45", "L4-L5"), ("C567", "C5-C7"), ("L5S1", "L5-S1"), ("S1-L4", "L4-S1"), ("L5-6", "L5-L6"),
        ("L6-S1", "L6-S1"), ("occiput to C4", "C0-C4"), ("C0-C2", "C0-C2"), ("L4-5L", "L4-L5"), ("L-4", "L4-L4"),
        ("L1", "L1-L1"), ("T11, L2", "T11-T11 L2-L2"), ("de L3 a L5", "L3-L5"), ("L3 à L5", "L3-L5"),
        ("L4-5, L5-S1", "L4-L5 L5-S1"), ("L2,4", "L2-L2"), ("L3-4, 7-8", "L3-L4"), ("L3-4, 2-3", "L3-L4"),
        ("L3-4, 4-2", "L3-L4"), ("S4-5, 5-6", "S4-S5"), ("L4-9", "L4-L4"), ("L4-S9", "L4-L4"),
    ],
)  # fmt: skip
def test_notation_is_read(text: str, expected: str, words: LevelWords) -> None:
    assert " ".join(runs(text, words)) == expected


@pytest.mark.parametrize(
    "text",
    ["C50.9", "D5W", "S2AI", "L5 radiculopathy", "S1 nerve root", "T9.5", "below C2", "C89", "L59", "L 4", "o-ring", "c",
     "C7 palsy", "T466"],
)  # fmt: skip
def test_what_is_no_level_is_left_alone(text: str, words: LevelWords) -> None:
    assert runs(text, words) == []


def test_numbers_behind_a_level_are_not_swallowed(words: LevelWords) -> None:
    assert runs("L4-5, 6 weeks ago", words) == ["L4-L5"]
    assert runs("L4-5 and 2 rods", words) == ["L4-L5"]


def test_only_a_word_for_the_pelvis_reaches_the_pelvis(words: LevelWords) -> None:
    assert [found.to_pelvis for found in find_levels("t10 to pelvis, l2 to sacrum", words)] == [True, False]


@pytest.mark.parametrize(
    ("text", "count", "is_minimum"),
    [("two-level", 2, False), ("single level", 1, False), ("3 levels", 3, False), ("bisegmental", 2, False),
     ("zweisegmentale", 2, False), ("x2", 2, False), ("multilevel", 2, True), ("2 or more levels", 2, True),
     ("more than 2 levels", 3, True), ("at least 3 levels", 3, True), ("> 2 levels", 3, True), ("dos niveles", 2, False)],
)  # fmt: skip
def test_counts_of_levels_are_read(text: str, count: int, is_minimum: bool, words: LevelWords) -> None:
    assert [(found.levels, found.is_minimum) for found in find_counts(fold(text), words)] == [(count, is_minimum)]


def test_an_upper_bound_counts_nothing(words: LevelWords) -> None:
    assert find_counts("up to 6 segments", words) == []


def test_segments_and_vertebrae_of_a_run() -> None:
    assert segments_between("L4", "S1") == ("L4-L5", "L5-S1")
    assert segments_between("L5", "L6") == ("L5-L6",)
    assert segments_between("L4", "L4") == ()
    assert vertebrae_between("T12", "L2") == ("T12", "L1", "L2")


def test_levels_are_put_in_order() -> None:
    assert in_order({"L5-S1", "C5-C6", "T12"}) == ("C5-C6", "T12", "L5-S1")
