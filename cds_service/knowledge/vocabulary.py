"""The signs of surgical free text and their words, compiled for look-up: stems, endings, misspellings, dropped vowels.
Holds what cards/words says; reads no file and judges no text."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from cds_service.knowledge.level_words import LevelWords

SHORTEST_FUZZY = 6  # letters; below that one edit turns too many words into others
SHORTEST_FUZZY_OTHER = 7  # letters, for words that do not name an operation or a place of the spine by themselves
LONGEST_END = 5  # letters by which a misspelt word is looked up before it is compared
SHORTEST_SKELETON = 4  # letters of a whole word without its vowels
SHORTEST_STEM_SKELETON = 5  # the same of a stem
_FEWEST_PER_VOWEL = 4  # a word that lost its vowels has at least so many letters for each that is left
_SHORTEST_SUFFIX_HOST = 9  # letters of a German compound


JOINTS = frozenset(("and", "und", "y", "et", "&", "+", "/", "with", "mit", "con", "avec"))
"""What joins two things into one statement."""
_MARKS = frozenset((*string.punctuation, "\n"))
_OUTLINES_MOST = 2048
"""Readings that `Words.outlines` keeps; some 4 MB."""

_RUNS_MOST = 2048
"""Notations of levels and of their number that are kept: as many as there are with one sign between two vertebrae."""


class Kept(dict[Hashable, Any]):
    """Answers to questions that are made of things of ours alone, kept from call to call; when it is full it begins anew.

    Neither question nor answer may hold anything of a chart.
    """

    def __init__(self, most: int):
        super().__init__()
        self._most = most

    def keep(self, question: Hashable, answer: Any) -> None:
        if len(self) >= self._most:
            self.clear()
        self[question] = answer


class Kind(StrEnum):
    """What a sign does in a sentence; each value has its paragraph in cards/words/README.md."""

    OPERATION = "operation"
    GENERIC = "generic"
    PART = "part"
    REMOVAL = "removal"
    REPLACEMENT = "replacement"
    REGION = "region"
    SPINE = "spine"
    ELSEWHERE = "elsewhere"
    NOT_OPERATION = "not_operation"
    DIAGNOSIS = "diagnosis"
    NEGATION = "negation"
    PLANNED = "planned"
    HISTORY = "history"
    FAMILY = "family"
    PERFORMED = "performed"
    TURN = "turn"
    AFTER = "after"
    PURPOSE = "purpose"
    DETAIL = "detail"
    SIDE = "side"
    COUNT_WORD = "count_word"
    NOTHING = "nothing"


class Needs(Enum):
    """How much an operation word needs beside it before it speaks of the spine."""

    NOTHING = "nothing"  # laminectomy: the word alone says spine
    NOT_ELSEWHERE = "not_elsewhere"  # discectomy: spine unless a jaw or an eye stands nearer
    SPINE = "spine"  # fusion: only beside a word of the spine


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing a text can say. *operation* is the class of operation; the other fields are what the sign implies."""

    id: str
    kind: Kind
    operation: str | None = None
    needs: Needs = Needs.SPINE
    region: str | None = None
    approach: str | None = None
    technique: str | None = None
    fusion: bool | None = None
    instrumented: bool | None = None
    minimally_invasive: bool | None = None
    revision: bool | None = None
    trial: bool | None = None
    deformity: bool = False
    paediatric: bool = False
    tumour: bool = False
    side: str | None = None
    reaches: str = "before"
    """For negation, planned, history: the word stands `before` what it speaks of, `after` it, or `both`."""
    narrow: bool = False
    """Speaks of the next operation only ("previous fusion"), not of the rest of the sentence."""
    beside_level: bool = False
    """Counts only next to a level ("L4-5 L")."""
    takes_over: bool = False
    """Right behind an operation it is what the text is about: "spinal fusion brace", "ACDF follow-up"."""


@dataclass(frozen=True, slots=True)
class Combination:
    """Two signs within *within* words of each other that mean an operation together (removal + screws)."""

    first: str
    second: str
    gives: Sign
    within: int


Node = dict[str, Any]
"""A step of the phrase tree: word key -> next step; the key "" holds (signs, words consumed)."""


class Stems:
    """The stems (`laminect*`) in bundles that begin alike, so that a word is held against few of them."""

    def __init__(self, stems: Iterable[str] = ()):
        ordered = sorted(stems, key=lambda stem: (-len(stem), stem))
        self._size = min((len(stem) for stem in ordered), default=0)
        self._bundles: dict[str, list[tuple[str, str]]] = {}
        for stem in ordered:
            self._bundles.setdefault(stem[: self._size], []).append((stem, stem + "*"))

    def key_of(self, word: str) -> str | None:
        """Give the key of the longest stem that *word* begins with; None without one."""
        for stem, key in self._bundles.get(word[: self._size], ()):
            if word.startswith(stem):
                return key
        return None


class Numbers(NamedTuple):
    """One number for all words that do the same in every text: they stand for the same keys, are glue alike, join alike.

    What stands for nothing has one number with all strangers, so that a row of numbers tells nothing but signs of ours.
    """

    of: Mapping[str, int]
    """Each word of ours -> its number."""
    plain: Mapping[str, int]
    """The same without the words that may hide more (`Words.hides_more`)."""
    of_keys: Mapping[tuple[str, ...], int]
    """What a stranger may stand for -> its number."""
    hiding: frozenset[str] = frozenset()
    """Words of ours that may hide more, for a quick yes."""


@dataclass(frozen=True, slots=True)
class Words:
    """All of cards/words, compiled for reading: see `clinical/surgery/text_signs.py` for the use.

    *known* gives the tree's keys of every word that needs no thought: those of cards/words and their plurals. The rest is
    for strangers, indexed so that a word that is none of ours is let go after a few look-ups.
    """

    signs: Mapping[str, Sign] = field(default_factory=dict)
    combinations: tuple[Combination, ...] = ()
    combining: frozenset[str] = frozenset()
    """Ids of the signs that a combination is made of."""
    levels: LevelWords | None = None
    short_forms: Mapping[str, str] = field(default_factory=dict)
    short_form_pattern: re.Pattern[str] | None = None
    short_form_words: frozenset[str] = frozenset()
    """The short forms of one word (`zn`)."""
    short_form_starts: frozenset[str] = frozenset()
    short_form_pairs: frozenset[tuple[str, str]] = frozenset()
    """How all other short forms begin: their first word (`s`), and that with what follows it (`s`, `/`)."""
    glue: frozenset[str] = frozenset()
    tree: Node = field(default_factory=dict)
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stems: Stems = field(default_factory=Stems)
    suffixes: frozenset[str] = frozenset()
    suffix_lengths: tuple[int, ...] = ()
    deletions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    openings: frozenset[str] = frozenset()
    endings: frozenset[str] = frozenset()
    """How the words of *deletions* begin, and how they begin and end: a word like none of them is one edit from none."""
    skeletons: Mapping[str, str] = field(default_factory=dict)
    skeleton_lengths: tuple[int, ...] = ()
    numbers: Numbers = Numbers({}, {}, {})
    outlines: Kept = field(default_factory=lambda: Kept(_OUTLINES_MOST))
    """What texts were read as, by the numbers of their words: see `clinical/surgery/titles.py`."""
    runs: Kept = field(default_factory=lambda: Kept(_RUNS_MOST))
    """What a notation of levels (l4-l5, c5/6) or of their number (two levels) says, so that the patterns need not be asked
    again."""

    def number_of(self, word: str) -> Hashable:
        """Give the number of *word* (see `Numbers`); for a stranger, that of what it may stand for."""
        number = self.numbers.of.get(word)
        if number is None:
            keys = self.keys_of_token(word)
            number = self.numbers.of_keys.get(keys, keys)
        return number

    def hides_more(self, word: str) -> bool:
        """Tell whether *word* may be part of a level, a count, a short form or a sentence's end, so that its number does
        not say all."""
        if word[0] in ".\x00" or word in self.short_form_words or word in self.short_form_starts:
            return True
        levels = self.levels
        return levels is not None and (levels.may_open(word) or levels.may_be_counts((word,)))

    def may_hold_short_form(self, tokens: Sequence[str], seen: AbstractSet[str]) -> bool:
        """False where no short form can stand in a text of these words and signs (*tokens* in order, *seen* as a set)."""
        if not seen.isdisjoint(self.short_form_words):
            return True
        if seen.isdisjoint(self.short_form_starts):
            return False
        return not self.short_form_pairs.isdisjoint(zip(tokens, tokens[1:], strict=False))

    def keys_of_token(self, token: str) -> tuple[str, ...]:
        """Give the entries of the phrase tree that *token* (a folded word, a number, a mark) may stand for, surest first;
        () for a stranger. Only a word may be a stranger that stands for something."""
        keys = self.known.get(token)
        if keys is None:
            return self.keys_of_stranger(token) if token.isalpha() else ()
        return keys

    def keys_of_stranger(self, word: str) -> tuple[str, ...]:
        """Give the entries that a word outside *known* may stand for: by its stem, ending, misspelling or lost vowels."""
        stem = self.stems.key_of(word)
        if stem is not None:
            return (stem,)
        length = len(word)
        if length >= _SHORTEST_SUFFIX_HOST:
            for size in self.suffix_lengths:
                if size < length and word[-size:] in self.suffixes:
                    return ("*" + word[-size:],)
        if length >= SHORTEST_FUZZY:
            size = min(length // 2, LONGEST_END)
            if word[:size] in self.openings or word[0] + word[-size:] in self.endings:
                near = self._one_edit_away(word)
                if near:
                    return near
        return self._without_vowels(word)

    def _one_edit_away(self, word: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        deletions = self.deletions
        for cut in (word, *deletions_of(word)):
            if cut in deletions:
                for known in deletions[cut]:
                    if known[0] == word[0] and is_one_edit(word, known):
                        found[known] = None
        return tuple(found)

    def _without_vowels(self, word: str) -> tuple[str, ...]:
        vowels = len(word) - len(word.translate(_NO_VOWELS))
        if len(word) < SHORTEST_SKELETON or vowels * _FEWEST_PER_VOWEL > len(word):
            return ()
        bones = skeleton(word)
        if len(bones) < SHORTEST_SKELETON:
            return ()
        for size in self.skeleton_lengths:
            key = self.skeletons.get(bones[:size]) if size <= len(bones) else None
            if key is not None and (size == len(bones) or key.endswith("*")):
                return (key,)
        return ()


_NO_VOWELS = str.maketrans("", "", "aeiou")


def keys_of_known(vocabulary: frozenset[str], ordinary: frozenset[str], stems: Stems) -> dict[str, tuple[str, ...]]:
    """Give the keys of every word of *vocabulary*, of its plurals and of the *ordinary* words (which stand for nothing)."""
    plurals = {word + "s": word for word in vocabulary}
    known: dict[str, tuple[str, ...]] = {}
    for word in (*plurals, *ordinary, *vocabulary):
        stem = stems.key_of(word)
        if word in vocabulary or word not in ordinary:
            plain = word if word in vocabulary else plurals[word]
            known[word] = (plain,) if stem is None else (plain, stem)
        else:
            known[word] = ()
    return known


def number_words(words: Words) -> Numbers:
    """Number every word that *words* knows, its glue, what joins, and the marks of punctuation."""
    numbers: dict[tuple[tuple[str, ...], bool, str], int] = {((), False, ""): 0}
    of: dict[str, int] = {}
    for word in (*words.known, *words.glue, *JOINTS, *_MARKS):
        itself = word if word in JOINTS or word in _MARKS else ""
        does = words.keys_of_token(word), word in words.glue, itself
        of[word] = numbers.setdefault(does, len(numbers))
    plain = {word: number for word, number in of.items() if not words.hides_more(word)}
    of_keys = {keys: number for (keys, is_glue, itself), number in numbers.items() if not is_glue and not itself}
    opening = words.levels.opening_words() if words.levels is not None else ()
    return Numbers(of, plain, of_keys, frozenset(filter(words.hides_more, (*of, *opening))))


def begin_alike(words: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Give what a word that is one edit from any of *words*, with the same first letter, must look like.

    One edit leaves one half of the word as it was, so the opening of half its length, or the first letter with such an
    ending, is one of these (both no longer than *LONGEST_END*). Only a swap in the very middle touches both halves.
    """
    openings, endings = set(), set()
    for word in words:
        for size in range(SHORTEST_FUZZY // 2, LONGEST_END + 1):
            openings |= {word[:size], word[: size - 1] + word[size : size + 1]}
            endings.add(word[0] + word[-size:])
    return frozenset(openings), frozenset(endings)


_DASHES = str.maketrans({
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "`": "'", "´": "'",
    "“": '"', "”": '"', "ß": "ss", "œ": "oe", "æ": "ae", "⁄": "/", "∕": "/", "\\": "/", "\t": " ", "\r": "\n", "×": "x",
})  # fmt: skip


def fold(text: str) -> str:
    """Give *text* in lower case, without accents, with plain dashes and quotes."""
    if text.isascii():
        return text.lower().replace("\\", "/").replace("\t", " ").replace("\r", "\n")
    plain = unicodedata.normalize("NFKD", text.translate(_DASHES)).lower().translate(_DASHES)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def skeleton(word: str) -> str:
    """Give the first letter and all later consonants, as charge masters write words."""
    return word[:1] + "".join(letter for letter in word[1:] if letter not in "aeiouy")


def is_one_edit(one: str, other: str) -> bool:
    """Tell whether one insertion, deletion, substitution or swap of neighbours leads from *one* to *other*."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    rest, other_rest = one[start:], other[start:]
    return rest[1:] == other_rest[1:] or (
        rest[:2] == other_rest[1::-1] and len(rest) >= 2 and rest[2:] == other_rest[2:]
    )


def deletions_of(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place in range(len(word))]
