"""Read what a surgical free text says: which operation, where, done or only planned. A guess for display (DQ05), with
the words that led to it; never sure enough to act on alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text_acts import Act, find_acts
from cds_service.clinical.surgery.text_levels import (
    LevelMention,
    in_order,
    region_of_vertebra,
    segments_between,
    vertebrae_between,
)
from cds_service.clinical.surgery.text_signs import LEVEL, Signs, find_signs
from cds_service.clinical.surgery.text_types import Said, choose_type
from cds_service.knowledge.vocabulary import Kind, Sign, Words


class TextReading(NamedTuple):
    """What one text says. What it does not say is None or empty, never guessed.

    *is_spine_surgery*: True where the text names an operation on the spine (done, past, planned or denied: see
    *assertion*); False where it names something else (an injection, a knee, a relative's operation); None where it
    names no act at all. *operations* are the classes of the operations that the reading is about, *surgery_type* one
    of the dossier's types or None where the text does not decide; *alternatives* are the types it leaves open.
    *levels* are motion segments ("L4-L5") or single vertebrae ("L1"), cranial first. *found* is what was found in the
    text, kept so that `phrases` are only made where somebody tells them.
    """

    is_spine_surgery: bool | None = None
    assertion: Assertion = Assertion.PERFORMED
    of_family: bool = False
    operations: tuple[str, ...] = ()
    surgery_type: str | None = None
    alternatives: tuple[str, ...] = ()
    region: str | None = None
    levels: tuple[str, ...] = ()
    level_count: int | None = None
    level_count_is_minimum: bool = False
    to_pelvis: bool = False
    fusion: bool | None = None
    instrumented: bool | None = None
    approach: str | None = None
    technique: str | None = None
    minimally_invasive: bool | None = None
    revision: bool | None = None
    side: str | None = None
    trial: bool | None = None
    deformity: bool = False
    paediatric: bool | None = None
    tumour: bool = False
    found: tuple[Signs, Sequence[Act]] | None = None

    @property
    def phrases(self) -> tuple[tuple[str, str], ...]:
        """The words found, each with what it was taken for, in the order of the text."""
        return _phrases(*self.found) if self.found is not None else ()

    @property
    def was_performed(self) -> bool:
        """True for an operation on this patient's spine that the text says happened, now or in the past."""
        return self.is_spine_surgery is True and self.assertion in (Assertion.PERFORMED, Assertion.HISTORY)


_NOTHING = TextReading()

_BY_WEIGHT = (Assertion.PERFORMED, Assertion.HISTORY, Assertion.PLANNED, Assertion.NEGATED)


def read_text(text: str, words: Words) -> TextReading:
    """Read *text* (a title, a code's display, a body site, a sentence of a note) in any of the languages of *words*."""
    signs = find_signs(text, words)
    if signs is None:
        return _NOTHING
    if not signs.levels and not signs.counts and _SAYING.isdisjoint(signs.by_kind):
        # nothing but, say, an appendectomy, its side not told: no operation of ours, no place and no detail
        return TextReading(is_spine_surgery=_is_spine_surgery(signs, (), ()), found=(signs, ()))
    acts = find_acts(signs, words)
    ours = [act for act in acts if act.is_spinal and not act.of_family and not act.is_context]
    chosen = _most_certain(ours) if ours else ours
    said = _gather(signs, chosen, acts)
    surgery_type, alternatives = choose_type(said) if chosen else (None, ())
    return TextReading(
        is_spine_surgery=_is_spine_surgery(signs, acts, chosen),
        assertion=_assertion(acts, chosen),
        of_family=not ours and any(act.of_family for act in acts),
        operations=said.operations,
        surgery_type=surgery_type,
        alternatives=alternatives,
        region=said.region,
        levels=said.levels,
        level_count=said.level_count,
        level_count_is_minimum=said.level_count_is_minimum,
        to_pelvis=said.to_pelvis,
        fusion=said.fusion,
        instrumented=said.instrumented,
        approach=said.approach,
        technique=said.technique,
        minimally_invasive=said.minimally_invasive,
        revision=said.revision,
        side=said.side,
        trial=said.trial,
        deformity=said.deformity,
        paediatric=said.paediatric,
        tumour=said.tumour,
        found=(signs, acts),
    )


_SAYING = frozenset(
    (Kind.OPERATION, Kind.GENERIC, Kind.PART, Kind.REMOVAL, Kind.REPLACEMENT, Kind.REGION, Kind.DETAIL, Kind.DIAGNOSIS,
     Kind.SIDE)
)  # fmt: skip
"""The kinds of sign that can name an operation, by themselves or together, or say something of one."""


def _most_certain(acts: Sequence[Act]) -> Sequence[Act]:
    if len(acts) == 1:
        return acts
    for assertion in _BY_WEIGHT:
        alike = [act for act in acts if act.assertion is assertion]
        if alike:
            return alike
    return []  # pragma: no cover


def _is_spine_surgery(signs: Signs, acts: Sequence[Act], chosen: Sequence[Act]) -> bool | None:
    if chosen:
        return True
    return None if not acts and _SOMETHING_ELSE.isdisjoint(signs.by_kind) else False


_SOMETHING_ELSE = frozenset((Kind.NOT_OPERATION, Kind.ELSEWHERE, Kind.DIAGNOSIS))


def _assertion(acts: Sequence[Act], chosen: Sequence[Act]) -> Assertion:
    if chosen:
        return chosen[0].assertion
    return Assertion.NEGATED if any(act.of_family for act in acts) else Assertion.PERFORMED


def _gather(signs: Signs, chosen: Sequence[Act], acts: Sequence[Act]) -> Said:
    ours = [act.sign for act in chosen]
    operations = tuple(dict.fromkeys([sign.operation for sign in ours if sign.operation]))
    details = _details(signs, chosen, acts)
    mentions = _levels_of(signs, chosen, acts) if signs.levels else []
    levels = _levels(mentions, operations) if mentions else ()
    count, is_minimum = _level_count(signs, levels, mentions) if levels or signs.counts else (None, False)
    all_signs = [*ours, *details]
    technique = None
    minimally_invasive = revision = trial = paediatric = None
    deformity = tumour = fusion_denied = False
    for sign in all_signs:
        technique = technique or sign.technique
        minimally_invasive = minimally_invasive or sign.minimally_invasive or None
        trial = _either(trial, sign.trial)
        deformity = deformity or sign.deformity
        paediatric = paediatric or sign.paediatric
        tumour = tumour or sign.tumour
    for sign in details:
        revision = _either(revision, sign.revision)
        fusion_denied = fusion_denied or sign.fusion is False
    return Said(
        operations=operations,
        region=_region(mentions, all_signs),
        levels=levels,
        level_count=count,
        level_count_is_minimum=is_minimum,
        to_pelvis=any([mention.to_pelvis for mention in mentions]),
        fusion=_fusion(operations, fusion_denied),
        fusion_denied=fusion_denied,
        instrumented=_instrumented(operations, ours, details),
        approach=_approach(ours, details),
        technique=technique,
        minimally_invasive=minimally_invasive,
        revision=revision,
        side=_side(signs) if Kind.SIDE in signs.by_kind else None,
        trial=trial if "stimulator" in operations else None,
        deformity=deformity,
        paediatric=paediatric,
        tumour=tumour,
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    """True where any says yes, else False where any says no; None where nobody says."""
    return one or other or (None if one is None and other is None else False)


def _home(place: int, signs: Signs, acts: Sequence[Act]) -> Act | None:
    """Give the operation of the same sentence that stands nearest to word *place*; the earlier of two alike."""
    near = [act for act in acts if signs.sentence_of[act.first] == signs.sentence_of[place]]
    return min(near, key=lambda act: max(act.first - place, place - act.end + 1, 0), default=None)


def _belonging(places: list[int], signs: Signs, chosen: Sequence[Act], acts: Sequence[Act]) -> set[int]:
    """Give those *places* that belong to a chosen operation; else those that belong to no other; all without a choice."""
    if not places or len(chosen) == len(acts):
        return set(places)
    homes = {place: _home(place, signs, acts) for place in places}
    return {place for place, home in homes.items() if home in chosen} or {
        place for place, home in homes.items() if home is None
    }


def _details(signs: Signs, chosen: Sequence[Act], acts: Sequence[Act]) -> list[Sign]:
    details: list[Sign] = []
    for kind in (Kind.REGION, Kind.DETAIL, Kind.PART, Kind.DIAGNOSIS):
        mentions = signs.by_kind.get(kind)
        if mentions is None:
            continue
        if len(chosen) == len(acts):
            details += [mention.sign for mention in mentions]
        else:
            kept = _belonging([mention.first for mention in mentions], signs, chosen, acts)
            details += [mention.sign for mention in mentions if mention.first in kept]
    return details


def _levels_of(signs: Signs, chosen: Sequence[Act], acts: Sequence[Act]) -> list[LevelMention]:
    named = {place: level for place, level in signs.levels if not level.is_root}
    kept = _belonging(list(named), signs, chosen, acts)
    if not kept and all(act.sign.operation == "hardware_removal" for act in chosen):
        kept = set(named)  # "removal of implants after fusion L4-S1": the implants lie where the fusion was
    reasons = signs.by_kind.get(Kind.PURPOSE)
    if reasons is not None:
        kept = {
            place for place in kept if not any(_is_reason(place, reason.first, signs, chosen) for reason in reasons)
        } or kept
    return [named[place] for place in sorted(kept)]


def _is_reason(place: int, reason: int, signs: Signs, chosen: Sequence[Act]) -> bool:
    """The level stands behind "due to": it tells why, unless the operation is named behind it too."""
    same = signs.sentence_of[place] == signs.sentence_of[reason]
    return same and reason < place and not any(reason < act.first for act in chosen)


_OF_SINGLE_VERTEBRAE = frozenset(("augmentation", "corpectomy"))
_OF_DISCS = frozenset(("fusion", "discectomy", "arthroplasty"))


def _levels(mentions: list[LevelMention], operations: tuple[str, ...]) -> tuple[str, ...]:
    runs = [mention for mention in mentions if not mention.is_single]
    singles = [mention.first for mention in mentions if mention.is_single]
    if operations and set(operations) <= _OF_SINGLE_VERTEBRAE:
        return in_order({name for mention in mentions for name in vertebrae_between(mention.first, mention.last)})
    if not runs and len(singles) > 1 and set(operations) & _OF_DISCS:
        spanned = in_order(set(singles))
        if len(vertebrae_between(spanned[0], spanned[-1])) == len(spanned):
            return segments_between(spanned[0], spanned[-1])
    segments = {name for run in runs for name in segments_between(run.first, run.last)}
    covered = {name for run in runs for name in vertebrae_between(run.first, run.last)}
    return in_order(segments | (set() if runs and set(operations) & _OF_DISCS else set(singles) - covered))


def _level_count(signs: Signs, levels: tuple[str, ...], mentions: list[LevelMention]) -> tuple[int | None, bool]:
    exact = [count.levels for _, count in signs.counts if not count.is_minimum]
    least = [count.levels for _, count in signs.counts if count.is_minimum]
    if levels:
        said = max(exact, default=0) if any(not mention.is_single for mention in mentions) else 0
        return max(len(levels), said), False
    if exact:
        return max(exact), False
    return (max(least), True) if least else (None, False)


def _region(mentions: list[LevelMention], signs: list[Sign]) -> str | None:
    if mentions:
        names = [name for mention in mentions for name in (mention.first, mention.last)]
        return _one_region({region_of_vertebra(name) for name in names})
    return _one_region({sign.region for sign in signs if sign.region})


_REGIONS_TOGETHER = (
    (frozenset(("cervical", "occipitocervical")), "cervical"),
    (frozenset(("cervical", "thoracic", "cervicothoracic", "occipitocervical")), "cervicothoracic"),
    (frozenset(("lumbar", "sacral")), "lumbar"),
    (frozenset(("lumbar", "lumbosacral", "sacral")), "lumbosacral"),
    (frozenset(("thoracic", "lumbar", "thoracolumbar", "lumbosacral", "sacral")), "thoracolumbar"),
)


def _one_region(named: set[str]) -> str | None:
    if len(named) == 1 and named != {"occipitocervical"}:
        return next(iter(named))
    return next((region for group, region in _REGIONS_TOGETHER if named and named <= group), None)


_WITHOUT_FUSION = frozenset(
    ("discectomy", "laminectomy", "decompression", "foraminotomy", "laminoplasty", "arthroplasty", "augmentation", "stimulator",
     "stimulator_removal", "hardware_removal")
)  # fmt: skip


def _fusion(operations: tuple[str, ...], is_denied: bool) -> bool | None:
    if "fusion" in operations:
        return True
    if is_denied:
        return False
    return False if operations and _WITHOUT_FUSION.issuperset(operations) else None


def _instrumented(operations: tuple[str, ...], ours: list[Sign], details: list[Sign]) -> bool | None:
    said = {sign.instrumented for sign in details}
    if False in said:
        return False
    if True in said or any([sign.instrumented for sign in ours]):
        return True
    holds = ("fusion" in operations or "fixation" in operations) and "hardware_removal" not in operations
    return True if holds and any([sign.id == "hardware" for sign in details]) else None


def _approach(ours: list[Sign], details: list[Sign]) -> str | None:
    named = False
    for signs in (details, ours):
        said = {sign.approach for sign in signs if sign.approach}
        named = named or bool(said)
        said.discard("percutaneous")
        if said:
            return said.pop() if len(said) == 1 else "combined"
    return "percutaneous" if named else None


def _side(signs: Signs) -> str | None:
    sides = {
        mention.sign.side
        for mention in signs.by_kind[Kind.SIDE]
        if not mention.sign.beside_level or LEVEL in _around(mention.first, signs.tokens)
    }
    if len(sides) == 1:
        return next(iter(sides))
    return "bilateral" if sides else None


def _around(place: int, tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(token for token in tokens[max(place - 2, 0) : place + 3] if token not in "()-,")[:3]


def _phrases(signs: Signs, acts: Sequence[Act]) -> tuple[tuple[str, str], ...]:
    said = [
        (mention.first, mention.words, mention.sign.id)
        for mention in signs.mentions
        if mention.sign.kind is not Kind.NOTHING
    ]
    said += [(act.first, act.words, act.sign.id) for act in acts if "+" in act.words]
    said += [(place, signs.text[level.start : level.end], _level_name(level)) for place, level in signs.levels]
    return tuple((words, meaning.replace("_", " ")) for _, words, meaning in sorted(set(said)))


def _level_name(level: LevelMention) -> str:
    if level.is_root:
        return f"nerve root {level.first}"
    return f"vertebra {level.first}" if level.is_single else f"levels {level.first}-{level.last}"
