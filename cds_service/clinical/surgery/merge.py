"""Put together what several codes, sites and words say of one operation: they agree, refine each other, or conflict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cds_service.knowledge.surgery import LevelCount, SurgeryKnowledge, SurgicalFact, TypeRow

UNKNOWN_SPINE = "UNKNOWN_SPINE"
_PLACES = {"cervical": 0, "thoracic": 1, "lumbar": 2, "sacral": 3}
_SPANS: dict[str, tuple[int, int]] = {
    "cervical": (0, 0),
    "cervicothoracic": (0, 1),
    "thoracic": (1, 1),
    "thoracolumbar": (1, 2),
    "lumbar": (2, 2),
    "lumbosacral": (2, 3),
    "sacral": (3, 3),
}
_UNIONS = {span: region for region, span in _SPANS.items()} | {
    (0, 2): "cervicothoracic", (0, 3): "cervicothoracic", (1, 3): "thoracolumbar",
}  # fmt: skip
_VAGUE = ("other", "adjunct")
_OPENING_UP = ("decompression", "discectomy")
"""Classes that words or screws beside them may turn into another one."""
_TITLES = ("site", "text")
_PLACE_ORIGINS = ("code", *_TITLES, "note", "reason")
"""Who may tell the region where no operation code does, surest first; only site and title can contradict a code."""
_ORIGIN_WORDS = {"code": "site code", "text": "title"}


class Conclusion(NamedTuple):
    """What all facts together say. *also* are types whose limits hold too; *conflicts* are told, the stricter won."""

    surgery_type: str
    also: tuple[str, ...]
    alternatives: tuple[str, ...]
    surgery_class: str | None
    region: str | None
    names: tuple[str, ...]
    count: LevelCount | None
    fusion: bool | None
    instrumented: bool | None
    approach: str | None
    technique: str | None
    revision: bool | None
    conflicts: tuple[str, ...]
    because: tuple[str, ...]
    refined: bool = False
    """A text, site, reason or device told something that no code told."""


@dataclass(slots=True)
class _Notes:
    because: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    place_in_doubt: bool = False
    """Two regions far from each other were named for one operation."""


def regions_touch(one: str | None, other: str | None) -> bool:
    """Tell whether two regions share a part of the spine; a region nobody told may touch any."""
    if one is None or other is None:
        return True
    (first, last), (start, end) = _SPANS[one], _SPANS[other]
    return first <= end and start <= last


def regions_join(one: str, other: str) -> bool:
    """Tell whether two regions touch or lie next to each other (thoracic and lumbar)."""
    (first, last), (start, end) = _SPANS[one], _SPANS[other]
    return first <= end + 1 and start <= last + 1


def union_of(regions: Iterable[str | None]) -> str | None:
    """Give the region that covers all of *regions*; None where none is told."""
    spans = [_SPANS[region] for region in regions if region is not None]
    if not spans:
        return None
    return _UNIONS[min(first for first, _ in spans), max(last for _, last in spans)]


def conclude(facts: Sequence[SurgicalFact], knowledge: SurgeryKnowledge) -> Conclusion:
    """Conclude from the *facts* of one operation (those that say "no operation" left out).

    Codes decide class and type; text, sites, reasons and devices fill in what codes leave open, and where they
    contradict a code the stricter holds and the conflict is told.  Source: dossier sections 0, 1.1 to 1.3 and 9 row 12.
    """
    notes = _Notes()
    coded: list[SurgicalFact] = []
    others: list[SurgicalFact] = []
    for fact in facts:
        (coded if fact.origin == "code" and fact.is_operation else others).append(fact)
    speaking = coded or [fact for fact in others if fact.surgery_class]
    fusion = _fusion(speaking, others, notes)
    top = _top_class(speaking, fusion, others, knowledge, notes)
    region = _region(speaking, others, top, notes)
    approach = _approach(speaking, others, top)
    names = _names(facts)
    count = _count(speaking, others, names, notes)
    revision = _revision(speaking, others, notes)
    instrumented = _any_true([fact.instrumented for fact in facts])
    surgery_type, also, alternatives = _types(speaking, top, region, approach, count, knowledge, notes)
    if notes.place_in_doubt:
        surgery_type, also, alternatives, region = UNKNOWN_SPINE, (), _types_of_each(speaking, knowledge), None
    return Conclusion(
        surgery_type=surgery_type,
        also=also,
        alternatives=tuple([one for one in alternatives if one != surgery_type]),
        surgery_class=top,
        region=region,
        names=names,
        count=count,
        fusion=fusion,
        instrumented=instrumented,
        approach=approach,
        technique=_technique(speaking, others),
        revision=revision,
        conflicts=tuple(notes.conflicts),
        because=tuple(notes.because),
        refined=bool(coded) and _refined(coded, others),
    )


def _types(
    speaking: Sequence[SurgicalFact],
    top: str,
    region: str | None,
    approach: str | None,
    count: LevelCount | None,
    knowledge: SurgeryKnowledge,
    notes: _Notes,
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Give the type, the types whose limits hold as well, and what it could also have been."""
    row = _type_row(top, region, approach, count, knowledge)
    also = list(row.also)
    for part in _parts_apart(speaking, top, knowledge):
        other = _type_row(part, region, None, None, knowledge).surgery_type
        if other not in (row.surgery_type, UNKNOWN_SPINE):
            also.append(other)
            notes.because.append(f"{knowledge.classes[part].term} in the same session: limits of {other} hold as well")
    longer = _straddles(top, count, knowledge)
    if longer and longer != row.surgery_type:
        also.append(longer)
        notes.because.append(f"the code leaves the number of levels open, it may be {longer}: its limits hold as well")
    return row.surgery_type, tuple(dict.fromkeys(also)), row.alternatives


def _types_of_each(speaking: Sequence[SurgicalFact], knowledge: SurgeryKnowledge) -> tuple[str, ...]:
    rows = (_type_row(_class(fact), fact.region, fact.approach, None, knowledge) for fact in speaking)
    return tuple(sorted({row.surgery_type for row in rows}))


def _technique(speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact]) -> str | None:
    """Give the technique; where a code says only "PLIF/TLIF", the words may say which."""
    coded, spoken = _first_technique(speaking), _first_technique(others)
    return spoken if coded is None or (spoken is not None and spoken in coded.split("/")) else coded


def _first_technique(facts: Sequence[SurgicalFact]) -> str | None:
    for fact in facts:
        if fact.technique:
            return fact.technique
    return None


def _class(fact: SurgicalFact) -> str:
    return fact.surgery_class or "other"


def _any_true(values: Sequence[bool | None]) -> bool | None:
    if True in values:
        return True
    return False if False in values else None


def _fusion(speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact], notes: _Notes) -> bool | None:
    told = [fact.fusion for fact in speaking]
    spoken = [fact for fact in others if fact.origin == "text" and fact.fusion]
    if True in told:
        return True
    if spoken and speaking and spoken[0] not in speaking:
        if None not in told:
            notes.conflicts.append(
                f"the text speaks of a fusion ({spoken[0].say}), the code does not: read as a fusion"
            )
        return True
    return None if None in told or not told else False


def _top_class(
    speaking: Sequence[SurgicalFact],
    fusion: bool | None,
    others: Sequence[SurgicalFact],
    knowledge: SurgeryKnowledge,
    notes: _Notes,
) -> str:
    ranks = knowledge.classes
    classes = {fact.surgery_class or "other" for fact in speaking} or {"other"}
    top = next(iter(classes)) if len(classes) == 1 else min(classes, key=lambda name: ranks[name].rank)
    if fusion and ranks[top].rank > ranks["fusion"].rank:
        if top != "other" or any([fact.fusion for fact in speaking]):
            return "fusion"
    if top not in _OPENING_UP:
        return top
    texts = [fact.surgery_class for fact in others if fact.origin == "text"]
    if top == "decompression" and "laminoplasty" in texts:
        notes.because.append("the text names a laminoplasty, which has no code of its own")
        return "laminoplasty"
    if any(fact.instrumented and _class(fact) in _VAGUE for fact in speaking):
        notes.because.append("fixation beside a decompression and no word on fusion: read as stabilisation")
        return "dynamic"
    return top


def _region(speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact], top: str, notes: _Notes) -> str | None:
    chief = [fact.region for fact in speaking if _class(fact) == top or (top == "fusion" and fact.fusion)]
    told = [region for region in chief if region] or [fact.region for fact in speaking if fact.region]
    far = _far_apart(told) if len(told) > 1 else None
    if far:
        notes.place_in_doubt = True
        notes.conflicts.append(f"the codes name different regions ({far[0]} and {far[1]}): read as not known")
    placed = [fact for fact in others if fact.region]
    for origin in _PLACE_ORIGINS if placed else ():
        spoken = [fact.region for fact in placed if fact.origin == origin]
        if spoken and not told:
            notes.because.append(f"region {union_of(spoken)} from the {_ORIGIN_WORDS.get(origin, origin)}")
            return union_of(spoken)
        if spoken and origin in _TITLES and not any(regions_touch(one, other) for one in told for other in spoken):
            notes.place_in_doubt = True
            notes.conflicts.append(
                f"code and {origin} name different regions ({told[0]} and {spoken[0]}): read as not known"
            )
    return union_of(told)


def _far_apart(regions: Sequence[str | None]) -> tuple[str, str] | None:
    for one in regions:
        for other in regions:
            if one and other and not regions_join(one, other):
                return one, other
    return None


def _approach(speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact], top: str) -> str | None:
    told = {fact.approach for fact in speaking if _class(fact) == top and fact.approach}
    told = told or {fact.approach for fact in speaking if fact.approach}
    if told <= _THROUGH_THE_SKIN:  # how the skin was passed, not from which side: words may tell more
        told = {fact.approach for fact in others if fact.approach} or told
    if len(told) < 2:
        return next(iter(told), None)
    return "combined" if {"anterior", "posterior"} <= told else min(filter(None, told))


_THROUGH_THE_SKIN = frozenset(("percutaneous", "endoscopic"))


def _names(facts: Iterable[SurgicalFact]) -> tuple[str, ...]:
    names = {name for fact in facts for name in fact.names}
    return tuple(names) if len(names) < 2 else tuple(sorted(names, key=_height))


def _height(name: str) -> tuple[int, int, str]:
    """From cranial to caudal; a vertebra before the segment that begins with it."""
    letter, digits = name[:1], "".join(sign for sign in name.partition("-")[0] if sign.isdigit())
    return ("CTLS".find(letter), int(digits or 0), name)


def _count(
    speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact], names: tuple[str, ...], notes: _Notes
) -> LevelCount | None:
    """Count motion segments: codes give a count or a least number, words and level codes an exact one; more is stricter."""
    groups: dict[tuple[str, str], list[SurgicalFact]] = {}
    for fact in speaking:
        if fact.count is not None:
            place = _class(fact) if fact.system == "icd10pcs" else fact.family or ""
            groups.setdefault((fact.system, place), []).append(fact)
    coded: list[LevelCount] = []
    spans: list[LevelCount] = []
    for group in groups.values():
        adjuncts = [fact.surgery_class == "adjunct" for fact in group]
        if not all(adjuncts):
            coded.append(_sum(group))
        else:
            spans.append(_sum(group))
    spoken = [fact.count for fact in others if fact.count is not None]
    if names:
        by_words = any([fact.names for fact in others])
        if by_words or not coded:
            spoken.append(LevelCount(len(names), len(names) if by_words else None))
    if not coded and not spoken:
        coded = spans
    if not coded and not spoken:
        return None
    # Rods and screws may span more than what is fused: they raise the least number, but leave no doubt above it.
    least = max([count.least for count in (*coded, *spoken, *spans)])
    exact = [count.most for count in spoken if count.most is not None]
    if exact and any([count.least > max(exact) for count in coded]):
        notes.conflicts.append(f"the codes count {least} levels, the words {max(exact)}: the larger number holds")
        return LevelCount(least, least)
    bounds = exact or [count.most for count in coded]
    return LevelCount(least, None if not bounds or None in bounds else max(least, *[one for one in bounds if one]))


def _sum(group: Sequence[SurgicalFact]) -> LevelCount:
    """Add the levels of a base code and its add-on codes; the same body part named twice is one."""
    if len(group) == 1 and group[0].count is not None:
        return group[0].count
    parts: dict[str, LevelCount] = {}
    for number, fact in enumerate(group):
        assert fact.count is not None
        place = _counting_place(fact, number)
        known = parts.get(place)
        if known is None or fact.count.least > known.least:
            parts[place] = fact.count
    most = [count.most for count in parts.values()]
    return LevelCount(
        sum(count.least for count in parts.values()),
        None if None in most else sum(one for one in most if one is not None),
    )


def _counting_place(fact: SurgicalFact, number: int) -> str:
    """A body part counts once, a base code once, an add-on code each time it stands there."""
    if fact.system == "icd10pcs":
        return fact.family or ""
    return f"{fact.code} {number}" if fact.addon else "base"


def _revision(speaking: Sequence[SurgicalFact], others: Sequence[SurgicalFact], notes: _Notes) -> bool | None:
    coded = _any_true([fact.revision for fact in speaking])
    spoken = [fact for fact in others if fact.revision]
    if spoken and coded is False:
        notes.conflicts.append(f"the code says primary, the text says revision ({spoken[0].say}): read as a revision")
    if not spoken and not coded and len(speaking) > 1:
        if {"removal", "fusion"} <= {fact.surgery_class for fact in speaking}:
            notes.because.append("hardware was taken out and a fusion done in the same session: read as a revision")
            return True
    return True if spoken or coded else coded


def _type_row(
    surgery_class: str, region: str | None, approach: str | None, count: LevelCount | None, knowledge: SurgeryKnowledge
) -> TypeRow:
    least = count.least if count else 0
    return next(
        row
        for row in knowledge.types_of[
            surgery_class
        ]  # the loader has seen to it that every class has a row for any region
        if (row.region is None or row.region == region)
        and (row.approach is None or row.approach == approach)
        and (row.levels_at_least is None or least >= row.levels_at_least)
    )


def _straddles(surgery_class: str, count: LevelCount | None, knowledge: SurgeryKnowledge) -> str | None:
    """Give the type of the many-level operation that the count does not rule out ("two to seven joints")."""
    if count is None or not count.most:
        return None
    for row in knowledge.types_of[surgery_class]:
        if row.levels_at_least is not None and count.least < row.levels_at_least <= count.most:
            return row.surgery_type
    return None


def _parts_apart(speaking: Sequence[SurgicalFact], top: str, knowledge: SurgeryKnowledge) -> list[str]:
    """Give the classes of *speaking* that are no part of the chief one (a disc replacement beside a fusion)."""
    subsumed = knowledge.classes[top].subsumes
    if subsumed is None:
        return []
    return sorted({_class(fact) for fact in speaking} - subsumed - {top})


def _refined(coded: Sequence[SurgicalFact], others: Sequence[SurgicalFact]) -> bool:
    region = approach = revision = instrumented = False
    for fact in coded:
        region = region or bool(fact.region)
        approach = approach or bool(fact.approach)
        revision = revision or bool(fact.revision)
        instrumented = instrumented or bool(fact.instrumented)
    for fact in others:
        if (
            fact.names
            or fact.count
            or (fact.region and not region)
            or (fact.approach and not approach)
            or (fact.revision and not revision)
            or (fact.instrumented and not instrumented)
        ):
            return True
    return False
