"""What an order or appointment of somebody else asks for: exercises, therapy as such, activities. Judges nothing.

Reads codes and words with the phrases of cards/exercise_words.yaml. What is forbidden in the text ("no sit-ups") is told as
forbidden. What no phrase knows is not there: an order that we do not understand gets no answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from cds_service.knowledge.exercise_words import Activity, DraftWords, ExerciseEntry, Phrase, fold
from cds_service.knowledge.model import OrderContent
from cds_service.patient.record import Order

EXERCISE, THERAPY, ASSESSMENT = "exercise", "therapy", "assessment"
HOME, WITH_THERAPIST, FOLLOW_UP = "home", "with a therapist", "follow-up"
_TRAINING = frozenset({EXERCISE, THERAPY})
_PART_END = re.compile(r"[.;:!?,\n\r]")
_OUR_PROGRAMME = "/fhir/ActivityDefinition/"
_PHYSICAL_ACTIVITY = "PhysicalActivity"
_DESCRIBED = ("CarePlan", "Appointment")
"""Kinds whose title and descriptions say what they are for; intake keeps them with the notes."""
_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Mention:
    """One thing named: *said* are the words (or the code's term) of the order, *start* and *end* their place in the text.

    *from_week* is the week from which the text itself has it ("jogging from week 12"), None where it says none.
    """

    entry: ExerciseEntry
    said: str
    forbidden: bool = False
    from_week: int | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one order asks for. *ours* tells an order made from our own suggestion; its words are ours and fit."""

    kinds: frozenset[str] = frozenset()
    mentions: tuple[Mention, ...] = ()
    activities: tuple[tuple[Activity, str], ...] = ()
    ours: bool = False
    said: str = field(default="", compare=False)
    """What the order calls itself, for the card."""

    def with_kind(self, kind: str) -> Wanted:
        """Give the same with one more thing known about it."""
        return replace(self, kinds=self.kinds | {kind})

    @property
    def is_therapy(self) -> bool:
        """True for therapy or exercise as such, be it named besides or not."""
        return bool(self.kinds & _TRAINING)

    @property
    def is_training(self) -> bool:
        """True for an order of exercise or therapy, named or as such."""
        return bool(self.kinds & _TRAINING or any(not one.forbidden for one in self.mentions))


def read_mentions(text: str, words: DraftWords) -> list[Mention]:
    """Give the exercises that *text* names, from left to right, with what it forbids told as forbidden."""
    folded = fold(text[:_LONGEST_TEXT])
    found = words.exercises.find(folded)
    forbidden = _forbidden(folded, found, words)
    mentions = []
    for index, one in enumerate(found):
        belongs = words.going_with.search(folded[found[index - 1].end if index else 0 : one.start])
        start = one.start - (len(belongs.group()) if belongs else 0)
        week = _from_week(folded, one, words)
        mentions.append(Mention(one.key, text[start : one.end], forbidden[index], week, start, one.end))
    return mentions


def _forbidden(folded: str, found: list[Phrase], words: DraftWords) -> list[bool]:
    """Tell for each phrase whether the text forbids it; an enumeration shares the word before or behind it."""
    told = [False] * len(found)
    for index, one in enumerate(found):
        start = found[index - 1].end if index else 0
        between = folded[start : one.start]
        joined = index > 0 and words.joins.fullmatch(between) is not None
        part = _PART_END.split(between)[-1]
        told[index] = words.forbids_before.search(part) is not None or (joined and told[index - 1])
    for index in reversed(range(len(found))):
        end = found[index + 1].start if index + 1 < len(found) else len(folded)
        between = folded[found[index].end : end]
        joined = index + 1 < len(found) and words.joins.fullmatch(between) is not None
        part = _PART_END.split(between)[0]
        if words.forbids_after.match(part) is not None or (joined and told[index + 1]):
            told[index] = True
    return told


def _from_week(folded: str, one: Phrase, words: DraftWords) -> int | None:
    """Give the week that the same part of the sentence names, the one behind the phrase before the one in front."""
    behind = words.from_week.search(_PART_END.split(folded[one.end :], maxsplit=1)[0])
    before = words.from_week.search(_PART_END.split(folded[: one.start])[-1])
    found = behind or before
    return next((int(week) for week in found.groups() if week), None) if found else None


def read_wanted(order: Order, words: DraftWords, content: OrderContent | None) -> Wanted:
    """Give what *order* asks for.

    Notes are read only where the order is about exercise, therapy or an activity anyway: "fell while running" on an order
    for an X-ray orders no running.
    """
    ours = any(_OUR_PROGRAMME in one for one in order.instantiates)
    head = _head(order)
    kinds = _coded_kinds(order, words, content) | _worded_kinds(head, words)
    mentions = [*_coded(order, words), *(one for text in head for one in read_mentions(text, words))]
    activities = _activities(head, words)
    if not ours and order.kind not in _DESCRIBED and (kinds & _TRAINING or mentions or activities):
        kinds |= _worded_kinds(order.notes, words) - {FOLLOW_UP, ASSESSMENT}
        mentions += [one for text in order.notes for one in read_mentions(text, words)]
        activities += _activities(order.notes, words)
    return Wanted(
        kinds=frozenset(kinds),
        mentions=() if ours else tuple(mentions),
        activities=() if ours else tuple(dict.fromkeys(activities)),
        ours=ours,
        said=next((text for text in head if text.strip()), ""),
    )


def _head(order: Order) -> list[str]:
    """The texts that say what is ordered; a plan's and an appointment's are its title and descriptions."""
    said = [word for concept in order.code for word in concept.words]
    if order.kind == "Appointment":
        said += [word for concept in order.category for word in concept.words]
    if order.kind in _DESCRIBED:
        said += order.notes
    return list(dict.fromkeys(said))


def _coded(order: Order, words: DraftWords) -> list[Mention]:
    return [
        Mention(words.codes[key], next(iter(concept.words), key[1]))
        for concept in (*order.code, *(order.category if order.kind == "Appointment" else ()))
        for key in concept.keys
        if key in words.codes
    ]


def _coded_kinds(order: Order, words: DraftWords, content: OrderContent | None) -> set[str]:
    keys = {key for concept in order.code for key in concept.keys}
    category = {key for concept in order.category for key in concept.keys}
    if order.kind == "Appointment":
        keys |= category
    kinds = {words.kind_codes[key] for key in keys if key in words.kind_codes}
    if content is not None:
        if keys & content.exercise_codes:
            kinds.add(EXERCISE)
        if (keys | category) & content.physiotherapy_codes and ASSESSMENT not in kinds:
            kinds.add(THERAPY)
    if any(coding.code == _PHYSICAL_ACTIVITY for concept in order.category for coding in concept.codings):
        kinds.add(EXERCISE)
    return kinds


def _worded_kinds(texts: list[str] | tuple[str, ...], words: DraftWords) -> set[str]:
    return {kind for text in texts for one in words.kinds.find(fold(text[:_LONGEST_TEXT])) for kind in one.key}


def _activities(texts: list[str] | tuple[str, ...], words: DraftWords) -> list[tuple[Activity, str]]:
    found = []
    for text in texts:
        folded = fold(text[:_LONGEST_TEXT])
        phrases = words.activities.find(folded)
        forbidden = _forbidden(folded, phrases, words)
        for phrase, is_forbidden in zip(phrases, forbidden, strict=True):
            if not is_forbidden:
                found += [(activity, text[phrase.start : phrase.end]) for activity in phrase.key]
    return found
