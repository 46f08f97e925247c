"""The shortcuts of reading free text never hide anything: each says no only where the full way finds nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from cds_service.clinical.surgery import text as reading
from cds_service.clinical.surgery.spoken import title_fact
from cds_service.clinical.surgery.text_levels import find_counts, find_levels, write_out
from cds_service.clinical.surgery.text_signs import find_signs
from cds_service.clinical.surgery.titles import read_title
from cds_service.errors import Fault
from cds_service.knowledge.level_words import LevelWords
from cds_service.knowledge.vocabulary import LONGEST_END, Words, deletions_of, fold, is_one_edit
from cds_service.knowledge.words import load_words

CARDS = Path(__file__).parents[4] / "cards" / "words"
_TOKEN = re.compile(r"[a-z]+|\d+|\x00+|\n|[^\sa-z\d\x00]")


def _loaded() -> Words:
    faults: list[Fault] = []
    words = load_words(CARDS, faults)
    assert faults == []
    return words


WORDS = _loaded()


def _texts_of(node: object) -> set[str]:
    if isinstance(node, dict):
        return {text for key, below in node.items() for text in (str(key), *_texts_of(below))}
    if isinstance(node, list):
        return {text for below in node for text in _texts_of(below)}
    return {word for word in re.split(r"[\s()|<>*#]+", str(node)) if word}


def _vocabulary() -> list[str]:
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(CARDS.glob("*.yaml"))]
    kept = ("words", "short_forms", "letters", "numbers", "ordinals", "bones", "lists")
    return sorted({text for file in files for key in kept for text in _texts_of(file.get(key, {}))})


_LEVELS = [
    "L4-5",
    "C5",
    "C5-C7",
    "LWK 4/5",
    "T10-pelvis",
    "x2",
    "2",
    "3 levels",
    "bisegmental",
    "1.",
    "l45",
    "occiput-C3",
]
_PLAIN = ["appendectomy", "knee", "screening", "questionnaire", "(procedure)", "of", "patient's", "Reconciliation"]
_WORD = some.one_of(some.sampled_from(_vocabulary()), some.sampled_from(_LEVELS), some.sampled_from(_PLAIN))
_GLUE = some.sampled_from([" ", " ", " ", " ", ", ", ". ", "; ", "\n", "-", "/", "", ": "])
MADE = some.lists(some.tuples(_WORD, _GLUE), max_size=8).map(lambda pairs: "".join(word + glue for word, glue in pairs))
TEXTS = some.one_of(MADE, some.text(max_size=30), some.text(alphabet="clst0456 -/.x>\n", max_size=20))


@given(TEXTS)
@settings(max_examples=600, deadline=None, derandomize=True, database=None)
def test_a_gate_is_shut_only_where_its_pattern_finds_nothing(text: str) -> None:
    folded = fold(text)
    tokens = _TOKEN.findall(folded)
    seen = set(tokens)
    levels = WORDS.levels
    assert isinstance(levels, LevelWords) and WORDS.short_form_pattern is not None

    assert levels.may_be_levels(seen, folded) or find_levels(folded, levels) == []
    assert levels.may_be_counts(seen) or find_counts(folded, levels) == []
    assert levels.may_be_in_words(seen) or write_out(folded, levels) == folded
    assert WORDS.may_hold_short_form(tokens, seen) or WORDS.short_form_pattern.search(folded) is None


@given(TEXTS)
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
def test_a_text_that_says_nothing_of_an_operation_reads_the_same_the_short_way(text: str) -> None:
    short = reading.read_text(text, WORDS)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "_is_of_no_concern", lambda signs, words: False)
        full = reading.read_text(text, WORDS)

    assert short[:-1] == full[:-1]
    assert short.phrases == full.phrases


@given(TEXTS)
@settings(max_examples=800, deadline=None, derandomize=True, database=None)
def test_all_texts_of_one_outline_say_the_same(text: str) -> None:
    title, whole = read_title(text, WORDS), reading.read_text(text, WORDS)

    assert title is None or title.said == whole._replace(found=None)
    fact = title_fact(whole)
    assert title is None or title.fact == (fact and fact._replace(say="", term=""))


@pytest.mark.parametrize(
    "run", ["L4-L5", "L4-5", "C5/6", "T12-L1", "L4-L4", "L9-5", "L5-4", "L4-51", "S/4-5", "(L4-L5", "XL4-L5", "L4-5-S1"]
)
@pytest.mark.parametrize("before", ["Fusion ", "", "Revision of TLIF below ", "Lumbar fusion 20 ", "Fusion of disc,"])
def test_a_run_of_levels_that_ends_a_title_is_read_as_anywhere(before: str, run: str) -> None:
    for _ in range(2):
        title = read_title(before + run, WORDS)

        assert title is not None and title.said == reading.read_text(before + run, WORDS)._replace(found=None)


@pytest.mark.parametrize(
    "count",
    ["one segment", "two levels", "2 levels", "12 niveaux", "100 levels", "multiple level", "several levels", "x levels",
     "two bisegmental", "s p", "zn levels", "Level two", "two-levels", "two  levels"],
)  # fmt: skip
@pytest.mark.parametrize(
    "before", ["Fusion, ", "", "Lumbar fusion of more than ", "Fusion 3 to ", "Fusion 20 - ", "Fusion;"]
)
def test_a_number_of_levels_that_ends_a_title_is_read_as_anywhere(before: str, count: str) -> None:
    for _ in range(2):
        title = read_title(before + count, WORDS)

        assert title is not None and title.said == reading.read_text(before + count, WORDS)._replace(found=None)


def test_of_an_end_only_words_of_ours_are_kept() -> None:
    WORDS.runs.clear()

    for end in ("multilevel quux", "quux level", "2 bisegmental", "one segment", "C5/6"):
        read_title("Fusion " + end, WORDS)

    assert set(WORDS.runs) == {"one segment", "c5/6"}


def test_the_names_of_other_operations_are_let_go_without_a_search() -> None:
    assert {"laparoscopic", "appendix", "splenectomy"} <= set(WORDS.numbers.plain)
    assert [WORDS.known[word] for word in ("laparoscopic", "appendix", "splenectomy")] == [(), (), ()]


def test_an_outline_is_short_and_strangers_are_alike_in_it() -> None:
    assert read_title("fusion " * 30, WORDS) is None
    assert read_title("Fusion of the zyxquux", WORDS) is read_title("Fusion of the quuxzyx", WORDS)
    assert read_title("Fusion of the quux l4-5", Words()).said == reading.TextReading()


@given(some.text(max_size=40))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_a_text_without_signs_reads_as_nothing(text: str) -> None:
    assert (find_signs(text, WORDS) is None) == (reading.read_text(text, WORDS) == reading.TextReading())


_FORGIVEN = sorted({word for words in WORDS.deletions.values() for word in words})
_LETTER = some.sampled_from("abcdefghijklmnopqrstuvwxyz")


@given(some.sampled_from(_FORGIVEN), some.integers(1, 30), _LETTER, some.sampled_from(["drop", "add", "swap", "other"]))
@settings(max_examples=600, deadline=None, derandomize=True, database=None)
def test_every_misspelling_of_one_letter_passes_the_first_look(word: str, place: int, letter: str, edit: str) -> None:
    place = min(place, len(word) - 1)
    head, tail = word[:place], word[place:]
    wrong = {
        "drop": head + tail[1:],
        "add": head + letter + tail,
        "swap": head + tail[1:2] + tail[:1] + tail[2:],
        "other": head + letter + tail[1:],
    }[edit]

    assert is_one_edit(word, wrong) or word == wrong
    if len(wrong) >= 6:
        size = min(len(wrong) // 2, LONGEST_END)
        assert wrong[:size] in WORDS.openings or wrong[0] + wrong[-size:] in WORDS.endings
        assert any(word in WORDS.deletions.get(cut, ()) for cut in (wrong, *deletions_of(wrong)))
