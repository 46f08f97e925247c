"""Read what a surgical free text says: which operation, where, done or only planned. A guess for display (DQ05), with
the words that led to it; never sure enough to act on alone."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text_acts import Act, find_acts, shows_spine
from cds_service.clinical.surgery.text_levels import (
    LevelMention,
    in_order,
    region_of_vertebra,
    segments_between,
    vertebrae_between,
)
from cds_service.clinical.surgery.text_signs import LEVEL, Signs, find_signs
from cds_service.clinical.surgery.text_types import TextReading
from cds_service.knowledge.vocabulary import Kind, Needs, Sign, Words

_NOTHING = TextReading()

_BY_WEIGHT = (Assertion.PERFORMED, Assertion.HISTORY, Assertion.PLANNED, Assertion.NEGATED)


def read_text(text: str, words: Words) -> TextReading:
    """Read *text* (a title, a code's display, a body site, a sentence of a note) in any of the languages of *words*."""
    signs = find_signs(text, words)
    if signs is None:
        return _NOTHING
    if _is_of_no_concern(signs, words):
        is_act = Kind.OPERATION in signs.by_kind or Kind.GENERIC in signs.by_kind
        return TextReading(
            is_spine_surgery=False if is_act else _is_spine_surgery(signs, (), ()),
            side=_side(signs) if Kind.SIDE in signs.by_kind else None,
            found=(signs, ()),
        )
    acts = find_acts(signs, words)
    ours = [act for act in acts if act.is_spinal and not act.of_family and not act.is_context]
    chosen = _most_certain(ours) if ours else ours
    return _gather(signs, chosen, acts, not ours and any([act.of_family for act in acts]))


_CONCERNING = frozenset((Kind.REGION, Kind.SPINE, Kind.PART, Kind.DETAIL, Kind.DIAGNOSIS, Kind.FAMILY))
_ACTS = (Kind.OPERATION, Kind.GENERIC)


def _is_of_no_concern(signs: Signs, words: Words) -> bool:
    """Tell at a glance that a text speaks of no spine: an appendectomy, a cataract surgery of the left eye.

    True only where no act can be of the spine, no two signs make an act together, and nothing says a detail of one.
    """
    if signs.levels or signs.counts or not _CONCERNING.isdisjoint(signs.by_kind):
        return False
    combining = None
    for mention in signs.mentions:
        sign = mention.sign
        if sign.kind in _ACTS and sign.needs is not Needs.SPINE or shows_spine(sign):
            return False
        if sign.id in words.combining:
            if combining not in (None, sign.id):
                return False
            combining = sign.id
    return True


def _most_certain(acts: Sequence[Act]) -> Sequence[Act]:
    if len(acts) == 1:
        return acts
    weight = min([_BY_WEIGHT.index(act.assertion) for act in acts])
    return [act for act in acts if act.assertion is _BY_WEIGHT[weight]]


def _is_spine_surgery(signs: Signs, acts: Sequence[Act], chosen: Sequence[Act]) -> bool | None:
    if chosen:
        return True
    return None if not acts and _SOMETHING_ELSE.isdisjoint(signs.by_kind) else False


_SOMETHING_ELSE = frozenset((Kind.NOT_OPERATION, Kind.ELSEWHERE, Kind.DIAGNOSIS))


def _assertion(acts: Sequence[Act], chosen: Sequence[Act]) -> Assertion:
    if chosen:
        return chosen[0].assertion
    return Assertion.NEGATED if any(act.of_family for act in acts) else Assertion.PERFORMED


def _gather(signs: Signs, chosen: Sequence[Act], acts: Sequence[Act], of_family: bool) -> TextReading:
    ours = [act.sign for act in chosen]
    operations = tuple(dict.fromkeys([sign.operation for sign in ours if sign.operation]))
    details = _details(signs, chosen, acts)
    mentions = _levels_of(signs, chosen, acts) if signs.levels else []
    levels = _levels(mentions, operations) if mentions else ()
    count, is_minimum = _level_count(signs, levels, mentions) if signs.counts else (len(levels) or None, False)
    all_signs = [*ours, *details]
    technique = None
    minimally_invasive = revision = trial = paediatric = None
    deformity = tumour = fusion_denied = False
    for sign in all_signs:
        technique = technique or sign.technique
        minimally_invasive = minimally_invasive or sign.minimally_invasive or None
        trial = _either(trial, sign.trial) if sign.trial is not None else trial
        deformity = deformity or sign.deformity
        paediatric = paediatric or sign.paediatric
        tumour = tumour or sign.tumour
    for sign in details:
        revision = _either(revision, sign.revision) if sign.revision is not None else revision
        fusion_denied = fusion_denied or sign.fusion is False
    return TextReading(
        is_spine_surgery=_is_spine_surgery(signs, acts, chosen),
        assertion=_assertion(acts, chosen),
        of_family=of_family,
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
        found=(signs, acts),
    )


def _either(one: bool | None, other: bool | None) -> bool | None:
    """True where any says yes, else False where any says no; None where nobody says."""
    return bool(one or other) if one is not None or other is not None else None


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
    if len(signs.levels) == 1 and len(acts) < 2 and len(chosen) == len(acts) and Kind.PURPOSE not in signs.by_kind:
        return [level for _, level in signs.levels if not level.is_root]
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
    if len(mentions) == 1:
        only = mentions[0]
        if operations and _OF_SINGLE_VERTEBRAE.issuperset(operations):
            return vertebrae_between(only.first, only.last)
        return (only.first,) if only.is_single else segments_between(only.first, only.last)
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
