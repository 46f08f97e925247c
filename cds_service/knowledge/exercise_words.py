"""Read cards/exercise_words.yaml: how an order of somebody else is understood. All faults are told with file and line.

Compiles the phrases once, so that a draft is read in one pass; judges nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import Exercise, Governance, Protocol, Source
from cds_service.knowledge.shapes import Governed, MarkField, Shape, Words, check_known, governance_of, read_shape
from cds_service.knowledge.yaml_text import PathKey, TextFile, read_yaml_text
from cds_service.patient.codes import CodeKey, code_key

FILE = "exercise_words.yaml"
LANGUAGES = ("en", "de", "es", "fr")
KINDS = ("exercise", "therapy", "assessment", "home", "with a therapist", "follow-up")
LONGEST_PHRASE = 60
"""Characters of a phrase; a longer one is a sentence in the wrong place."""

_BETWEEN = r"[\W_]{0,3}"
_SEPARATORS = re.compile(r"[\W_]+")
_PHRASE = re.compile(r"[^\W_][\w .,'’/-]*\*?\Z")


@dataclass(frozen=True, slots=True)
class ExerciseEntry:
    """One meaning: *means* are the exercises it may stand for (the strictest counts), *instead* what to offer, best first."""

    means: tuple[str, ...]
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What no exercise says but a restriction may forbid, while one of *sentences* (as protocol files write it) holds."""

    id: str
    name: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase found in a text: its place, and what it stands for."""

    start: int
    end: int
    key: Any


class PhraseBook:
    """Phrases to look for in a text, the longest first; letter case, accents, hyphens and a plural s do not matter."""

    def __init__(self, phrases: Mapping[str, Any]):
        self._exact: dict[str, Any] = {}
        self._begins: list[tuple[str, Any]] = []
        patterns: dict[str, int] = {}
        for phrase, key in phrases.items():
            words = [re.escape(word) for word in _SEPARATORS.split(fold(phrase)) if word]
            squeezed = _squeezed(phrase)
            if phrase.endswith("*"):
                self._begins.append((squeezed, key))
                patterns[_BETWEEN.join(words) + r"\w*"] = len(squeezed)
            else:
                self._exact[squeezed] = key
                patterns[_BETWEEN.join(words) + "s?"] = len(squeezed)
        self._begins.sort(key=lambda one: -len(one[0]))
        longest_first = sorted(patterns, key=lambda one: -patterns[one])
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)") if longest_first else None

    def find(self, folded: str) -> list[Phrase]:
        """Give the phrases of a `fold`ed text, from left to right, none within another."""
        if self._pattern is None:
            return []
        return [Phrase(one.start(), one.end(), self._key(one.group())) for one in self._pattern.finditer(folded)]

    def _key(self, matched: str) -> Any:
        squeezed = _squeezed(matched)
        for form in (squeezed, squeezed.removesuffix("s")):
            if form in self._exact:
                return self._exact[form]
        return next(key for start, key in self._begins if squeezed.startswith(start))


@dataclass(frozen=True, slots=True)
class DraftWords:
    """Everything of the file, compiled. *codes* and *kind_codes* tell what a code means; *forbids_before* matches the end of
    the text before a phrase, *forbids_after* the start of the text behind it, *joins* what stands between two phrases of
    one enumeration, *from_week* a week in the same clause."""

    exercises: PhraseBook
    kinds: PhraseBook
    activities: PhraseBook
    codes: Mapping[CodeKey, ExerciseEntry]
    kind_codes: Mapping[CodeKey, str]
    forbids_before: re.Pattern[str]
    forbids_after: re.Pattern[str]
    joins: re.Pattern[str]
    from_week: re.Pattern[str]
    going_with: re.Pattern[str]
    """Matches the end of the text before a phrase: words that belong to it ("loaded sit-ups")."""
    instead: Mapping[str, tuple[str, ...]]
    """Exercise -> what to offer where it does not fit, best first."""
    governance: Governance | None = None


def fold(text: str) -> str:
    """Give *text* in small letters without accents, character for character: places in it are places in *text*."""
    if text.isascii():
        return text.lower()
    return "".join(_folded(character) for character in text)


def _folded(character: str) -> str:
    if character.isascii():
        return character.lower()
    found = unicodedata.normalize("NFKD", character)[:1].lower()
    return found if len(found) == 1 else character


def _squeezed(text: str) -> str:
    return _SEPARATORS.sub("", fold(text))


class _CodeOf(Shape):
    system = Words(required=True)
    code = Words(required=True)
    term = Words(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)


class _Said(Shape):
    """Phrases by language."""

    en = fields.List(Words(), required=True, validate=validate.Length(min=1))
    de = fields.List(Words(), load_default=list)
    es = fields.List(Words(), load_default=list)
    fr = fields.List(Words(), load_default=list)


class _Entry(_Said):
    means = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    instead = fields.List(fields.String(), load_default=list)
    codes = fields.List(fields.Nested(_CodeOf), load_default=list)


class _Kind(_Said):
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    codes = fields.List(fields.Nested(_CodeOf), load_default=list)


class _Forbidding(Shape):
    before = fields.List(Words(), required=True, validate=validate.Length(min=1))
    after = fields.List(Words(), required=True, validate=validate.Length(min=1))
    joins = fields.List(Words(), required=True, validate=validate.Length(min=1))


class _Activity(_Said):
    id = fields.String(required=True)
    name = Words(required=True)
    sentences = fields.List(Words(), required=True, validate=validate.Length(min=1))


class _WordsFile(Governed):
    exercises = fields.List(fields.Nested(_Entry), required=True, validate=validate.Length(min=1))
    kinds = fields.List(fields.Nested(_Kind), required=True)
    forbidding = fields.Nested(_Forbidding, required=True)
    from_week = fields.List(Words(), required=True, validate=validate.Length(min=1))
    going_with = fields.List(Words(), required=True, validate=validate.Length(min=1))
    activities = fields.List(fields.Nested(_Activity), required=True)


def load_exercise_words(
    folder: Path,
    exercises: Mapping[str, Exercise],
    protocols: Mapping[str, Protocol],
    sources: Mapping[str, Source],
    faults: list[Fault],
) -> DraftWords | None:
    """Read `exercise_words.yaml` of *folder*; None (and faults appended) where it cannot be used."""
    if not (folder / FILE).is_file():
        faults.append(Fault(FILE, "this file is missing", "the words by which orders of others are understood"))
        return None
    text = read_yaml_text(folder / FILE, FILE)
    data = read_shape(_WordsFile(), text, faults)
    if data is None:
        return None
    _check_entries(data["exercises"], text, exercises, sources, faults)
    _check_activities(data["activities"], text, protocols, faults)
    for index, kind in enumerate(data["kinds"]):
        _check_codes(kind["codes"], ("kinds", index, "codes"), text, sources, faults)
    for index, phrase in enumerate(data["from_week"]):
        if phrase.count("#") != 1:
            faults.append(
                Fault(text.place(("from_week", index)), f"{phrase!r} has no place for the week", "one # in it")
            )
    entries = [ExerciseEntry(tuple(one["means"]), tuple(one["instead"])) for one in data["exercises"]]
    faults_before = len(faults)
    phrases = {key: _phrases(data[key], key, text, faults) for key in ("exercises", "kinds", "activities")}
    if len(faults) > faults_before:
        return None
    return _compiled(data, entries, phrases, exercises, governance_of(data, text, (), faults))


def _compiled(
    data: Mapping[str, Any],
    entries: Sequence[ExerciseEntry],
    phrases: Mapping[str, Mapping[str, tuple[int, ...]]],
    exercises: Mapping[str, Exercise],
    governance: Governance,
) -> DraftWords:
    activities = [Activity(one["id"], one["name"], tuple(one["sentences"])) for one in data["activities"]]
    codes = {
        code_key("http://snomed.info/sct", one.snomed_code): ExerciseEntry((one.id,), _instead(one.id, entries))
        for one in exercises.values()
        if one.snomed_code and one.snomed_fit in ("exact", "approximate")
    }
    for entry, body in zip(entries, data["exercises"], strict=True):
        codes |= dict.fromkeys(_codes(body["codes"]), entry)
    forbidding = data["forbidding"]
    return DraftWords(
        exercises=PhraseBook({phrase: entries[found[0]] for phrase, found in phrases["exercises"].items()}),
        kinds=PhraseBook(
            {
                phrase: frozenset(data["kinds"][one]["kind"] for one in found)
                for phrase, found in phrases["kinds"].items()
            }
        ),
        activities=PhraseBook(
            {phrase: tuple(activities[one] for one in found) for phrase, found in phrases["activities"].items()}
        ),
        codes=codes,
        kind_codes={key: body["kind"] for body in data["kinds"] for key in _codes(body["codes"])},
        forbids_before=re.compile(rf"(?<!\w)(?:{_any(forbidding['before'])})(?:\W+\w+){{0,2}}\W*\Z"),
        forbids_after=re.compile(rf"\W*(?:\w+\W+){{0,2}}(?:{_any(forbidding['after'])})(?!\w)"),
        joins=re.compile(rf"[\s,/&]*(?:(?:{_any(forbidding['joins'])})(?!\w)[\s,/]*){{0,2}}\Z"),
        from_week=re.compile("|".join(_week_pattern(phrase) for phrase in data["from_week"])),
        going_with=re.compile(rf"(?<!\w)(?:(?:{_any(data['going_with'])})\s+)+\Z"),
        instead={one: _instead(one, entries) for one in exercises},
        governance=governance,
    )


def _any(phrases: Iterable[str]) -> str:
    longest_first = sorted(phrases, key=lambda one: -len(one))
    return "|".join(r"\s+".join(re.escape(word) for word in fold(phrase).split()) for phrase in longest_first)


def _week_pattern(phrase: str) -> str:
    before, _, after = fold(phrase).partition("#")
    written = r"\s*(\d{1,3})\s*".join(r"\s+".join(re.escape(word) for word in part.split()) for part in (before, after))
    return rf"(?<!\w){written}(?!\w)"


def _codes(bodies: Iterable[Mapping[str, Any]]) -> list[CodeKey]:
    return [code_key(one["system"], one["code"]) for one in bodies]


def _instead(exercise: str, entries: Iterable[ExerciseEntry]) -> tuple[str, ...]:
    """What stands in for one exercise: of the entry that means it alone, else of the first that may mean it."""
    meaning = sorted((one for one in entries if exercise in one.means), key=lambda one: len(one.means))
    return meaning[0].instead if meaning else ()


def _check_entries(
    bodies: Sequence[Mapping[str, Any]],
    text: TextFile,
    exercises: Mapping[str, Exercise],
    sources: Mapping[str, Source],
    faults: list[Fault],
) -> None:
    for index, body in enumerate(bodies):
        for key in ("means", "instead"):
            check_known(body[key], exercises, "exercise", text.place(("exercises", index, key)), faults)
        _check_codes(body["codes"], ("exercises", index, "codes"), text, sources, faults)
    named = {exercise for body in bodies for exercise in body["means"]}
    missing = [one for one in exercises if one not in named]
    if missing:
        found = f"no words for {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}"
        faults.append(Fault(text.place(("exercises",)), found, "an entry for every exercise of exercises.csv"))


def _check_codes(
    bodies: Sequence[Mapping[str, Any]],
    path: PathKey,
    text: TextFile,
    sources: Mapping[str, Source],
    faults: list[Fault],
) -> None:
    for index, body in enumerate(bodies):
        check_known(body["sources"], sources, "source", text.place((*path, index, "sources")), faults)


def _check_activities(
    bodies: Sequence[Mapping[str, Any]], text: TextFile, protocols: Mapping[str, Protocol], faults: list[Fault]
) -> None:
    said = {
        step.say
        for protocol in protocols.values()
        for restriction in protocol.restrictions
        for step in restriction.steps
    }
    for index, body in enumerate(bodies):
        for number, sentence in enumerate(body["sentences"]):
            if sentence not in said:
                place = text.place(("activities", index, "sentences", number))
                faults.append(
                    Fault(place, f"no protocol says {sentence!r}", "a sentence of a restriction, letter by letter")
                )


def _phrases(
    bodies: Sequence[Mapping[str, Any]], key: str, text: TextFile, faults: list[Fault]
) -> dict[str, tuple[int, ...]]:
    """Give phrase -> the numbers of its entries. A word for two exercises' entries is a fault: one entry may mean both."""
    found: dict[str, tuple[int, ...]] = {}
    said: dict[tuple[str, bool], str] = {}
    for index, body in enumerate(bodies):
        for language in LANGUAGES:
            for number, phrase in enumerate(body[language]):
                place = text.place((key, index, language, number))
                if len(phrase) > LONGEST_PHRASE or not _PHRASE.match(phrase):
                    expected = f"words of at most {LONGEST_PHRASE} characters, a * at the end for any ending"
                    faults.append(Fault(place, f"{phrase!r} is no phrase", expected))
                    continue
                phrase = said.setdefault((_squeezed(phrase), phrase.endswith("*")), phrase)
                before = found.get(phrase, ())
                if key == "exercises" and before not in ((), (index,)):
                    faults.append(Fault(place, f"{phrase!r} has another meaning above", "each phrase under one entry"))
                if index not in before:
                    found[phrase] = (*before, index)
    return found
