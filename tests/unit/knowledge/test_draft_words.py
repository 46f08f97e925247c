"""cards/exercise_words.yaml and cards/appointments.yaml: everything wrong in them is told, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.knowledge.appointments import load_appointments
from cds_service.knowledge.exercise_words import PhraseBook, fold, load_exercise_words
from tests.advice_maker import CARDS, knowledge


def load_words(folder: Path, faults: list):
    known = knowledge()
    return load_exercise_words(folder, known.exercises, known.protocols, known.sources, faults)


def load_starts(folder: Path, faults: list):
    return load_appointments(folder, knowledge().protocols, knowledge().sources, faults)


LOADERS = {"exercise_words.yaml": load_words, "appointments.yaml": load_starts}


@pytest.mark.parametrize("name", LOADERS)
def test_our_own_file_is_read(name: str) -> None:
    faults: list = []

    assert LOADERS[name](CARDS, faults) is not None
    assert faults == []


@pytest.mark.parametrize("name", LOADERS)
def test_a_missing_file_is_a_fault(name: str, tmp_path: Path) -> None:
    faults: list = []

    assert LOADERS[name](tmp_path, faults) is None
    assert str(faults[0]).startswith(f"{name}: this file is missing")


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("exercise_words.yaml", "means: [jogging]", "means: [joging]", "'joging' is no exercise we know"),
        ("exercise_words.yaml", "means: [jogging]", "means: [swimming]", "no words for jogging"),
        ("exercise_words.yaml", "means: [jogging]", "means: []", "Shorter than minimum length"),
        ("exercise_words.yaml", "instead: [chin", "instead: [shin", "expected text"),
        ("exercise_words.yaml", "instead: [scapular_retraction, shoulder_shrugs]", "instead: [nothing]", "'nothing' is no exercise"),
        ("exercise_words.yaml", "sources: [C07]", "sources: [C077]", "'C077' is no source we know"),
        ("exercise_words.yaml", "en: [clamshell,", "en: [jogging, clamshell,", "has another meaning above"),
        ("exercise_words.yaml", "en: [clamshell,", 'en: ["(clamshell)",', "is no phrase"),
        ("exercise_words.yaml", "en: [clamshell,", f"en: [{'long ' * 20},", "is no phrase"),
        ("exercise_words.yaml", '"from week #"', '"from week"', "has no place for the week"),
        ("exercise_words.yaml", 'sentences: ["no collar"]', 'sentences: ["no collars"]', "no protocol says 'no collars'"),
        ("exercise_words.yaml", "kind: therapy", "kind: therapies", "Must be one of"),
        ("exercise_words.yaml", "checked_on: not yet", "checked_on: 2026-01-01", "do not fit together"),
        ("exercise_words.yaml", "forbidding:", "forbid:", "this key is not known here"),
        ("appointments.yaml", "protocols: [LUM_DISC]", "protocols: [LUM_DISK]", "'LUM_DISK' is no protocol we know"),
        ("appointments.yaml", "protocols: [LUM_DISC]", "protocols: [LUM_FUS]", "LUM_FUS stands here 2 times"),
        ("appointments.yaml", "no_week: [TUMOUR,", "no_week: [TUMOR,", "TUMOUR stands here 0 times"),
        ("appointments.yaml", "sources: [E01]", "sources: [E999]", "'E999' is no source we know"),
        ("appointments.yaml", "week: 4", "week: soon", "not a whole number"),
        ("appointments.yaml", "status: draft", "status: active", "nobody has checked it"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_line(tmp_path: Path, name: str, old: str, new: str, says: str) -> None:
    text = (CARDS / name).read_text(encoding="utf-8")
    if new == "instead: [shin":
        old, new, says = (
            "instead: [ta_activation]\n    en: [pelvic",
            "instead: {a: b}\n    en: [pelvic",
            "expected a list",
        )
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    faults: list = []

    LOADERS[name](tmp_path, faults)

    assert any(says in str(fault) and str(fault).startswith(f"{name}:") for fault in faults), [
        str(one) for one in faults
    ]


def test_a_book_without_phrases_finds_nothing() -> None:
    assert PhraseBook({}).find("sit-ups") == []


def test_folding_keeps_every_place() -> None:
    for text in ("Natación", "Fußball ﬁt İstanbul", "plain"):
        assert len(fold(text)) == len(text)
    assert fold("Übung") == "ubung"
