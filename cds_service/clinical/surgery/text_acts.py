"""Judge each operation named in a text: is it on the spine, and was it done, planned, denied, past or a relative's?"""

from __future__ import annotations

import itertools
import operator
from typing import NamedTuple

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text_signs import Mention, Signs
from cds_service.knowledge.vocabulary import JOINTS, Kind, Needs, Sign, Words

_ASSERTIONS = {
    Kind.NEGATION: Assertion.NEGATED,
    Kind.PLANNED: Assertion.PLANNED,
    Kind.HISTORY: Assertion.HISTORY,
}
_FAMILY_REACH = 8  # words between a relative and the operation told of them
_PARTS = frozenset((Kind.PART, Kind.REMOVAL, Kind.REPLACEMENT, Kind.GENERIC, Kind.DETAIL, Kind.DIAGNOSIS))
_OPENING = 2  # words that may stand before the visit or treatment that opens a text ("Home exercise", "HC PT")
_WHERE = frozenset((Kind.REGION, Kind.SPINE))
_SPINAL_PARTS = frozenset(
    ("disc", "lamina", "vertebral_body", "spinal_hardware", "vertebral_fracture", "vertebra", "canal", "spinal_nerve")
)


class Act(NamedTuple):
    """An operation named in the text, at words *first* to *end*.

    *is_spinal* is False for a knee's. *is_context*: the text is about something else, after or for this operation
    ("physiotherapy after lumbar fusion").
    """

    sign: Sign
    first: int
    end: int
    words: str
    is_spinal: bool
    assertion: Assertion
    of_family: bool
    is_context: bool


def find_acts(signs: Signs, words: Words) -> list[Act]:
    """Find every operation in *signs*, in the order of the text."""
    combined, used = _combined(signs, words)
    mentions = signs.of(Kind.OPERATION, Kind.GENERIC)
    if combined:
        mentions = [one for one in mentions if (one.first, one.end) not in used] + combined
    if len(mentions) > 1:
        mentions.sort(key=_FIRST)
    return [
        Act(
            *mention,
            is_spinal=mention.sign.needs is Needs.NOTHING or _is_spinal(mention, signs),
            assertion=_assertion_of(mention, signs, mentions),
            of_family=Kind.FAMILY in signs.by_kind and _is_of_family(mention, signs),
            is_context=Kind.NOT_OPERATION in signs.by_kind and _is_context(mention, signs),
        )
        for mention in mentions
    ]


_FIRST = operator.attrgetter("first")


def _combined(signs: Signs, words: Words) -> tuple[list[Mention], set[tuple[int, int]]]:
    """Give the operations that two signs make together, and the places of the words they use up."""
    found: list[Mention] = []
    used: set[tuple[int, int]] = set()
    pieces: dict[str, list[Mention]] = {}
    for mention in signs.mentions:
        if mention.sign.id in words.combining and mention.sign.kind in _PARTS:
            pieces.setdefault(mention.sign.id, []).append(mention)
    if len(pieces) < 2:  # no sign combines with itself
        return found, used
    for combination in words.combinations:
        if combination.first not in pieces or combination.second not in pieces:
            continue
        pairs = itertools.product(pieces[combination.first], pieces[combination.second])
        for one, other in pairs:
            if signs.sentence_of[one.first] != signs.sentence_of[other.first]:
                continue
            near, far = (one, other) if one.first < other.first else (other, one)
            if far.first - near.end <= combination.within and not _comma_between(near, far, signs):
                found.append(Mention(combination.gives, near.first, far.end, f"{one.words} + {other.words}"))
                used |= {(one.first, one.end), (other.first, other.end)}
    return found, used


def _comma_between(near: Mention, far: Mention, signs: Signs) -> bool:
    return any(token in (",", ":") for token in signs.tokens[near.end : far.first])


def _is_spinal(act: Mention, signs: Signs) -> bool:
    needs = act.sign.needs
    sentence = signs.sentence_of[act.first]
    ours = theirs = _FAR
    for mention in signs.mentions:
        if signs.sentence_of[mention.first] == sentence:
            if shows_spine(mention.sign):
                ours = min(ours, _gap(act, mention.first, mention.end))
            if mention.sign.kind is Kind.ELSEWHERE:
                theirs = min(theirs, _gap(act, mention.first, mention.end))
    for place, level in signs.levels:
        if signs.sentence_of[place] == sentence and not level.is_root:
            ours = min(ours, _gap(act, place, place + 1))
    for place, _ in signs.counts:
        if signs.sentence_of[place] == sentence:
            ours = min(ours, _gap(act, place, place + 1))
    if theirs < _FAR and theirs <= ours:
        return False
    return ours < _FAR or needs is Needs.NOT_ELSEWHERE or (theirs == _FAR and _text_is_spinal(signs))


_FAR = 1_000_000_000  # words; further than any word of a text


def shows_spine(sign: Sign) -> bool:
    """Tell whether *sign* places an operation beside it on the spine."""
    return (
        sign.kind in _WHERE
        or sign.id in _SPINAL_PARTS
        or (sign.kind is Kind.OPERATION and sign.needs is Needs.NOTHING)
        or (sign.kind is Kind.DIAGNOSIS and sign.deformity)
    )


def _text_is_spinal(signs: Signs) -> bool:
    """Nothing in the sentence says where: then the rest of the text decides, if it speaks of the spine alone."""
    if Kind.ELSEWHERE in signs.by_kind:
        return False
    return bool(signs.levels) or any(
        mention.sign.kind in _WHERE or (mention.sign.kind is Kind.OPERATION and mention.sign.needs is Needs.NOTHING)
        for mention in signs.mentions
    )


def _gap(act: Mention, first: int, end: int) -> int:
    if end <= act.first:
        return act.first - end
    return max(first - act.end, 0)


# --- done, planned, denied, past, a relative's ---------------------------------------------------------------------


def _assertion_of(act: Mention, signs: Signs, acts: list[Mention]) -> Assertion:
    nearest: tuple[int, Assertion] | None = None
    if _ASSERTIONS.keys().isdisjoint(signs.by_kind):
        return Assertion.PERFORMED
    for trigger in signs.of(*_ASSERTIONS):
        distance = _reach(trigger, act, signs, acts)
        if distance is None:
            continue
        assertion = _ASSERTIONS[trigger.sign.kind]
        if assertion is Assertion.NEGATED:
            return assertion
        if nearest is None or distance < nearest[0]:
            nearest = (distance, assertion)
    return nearest[1] if nearest else Assertion.PERFORMED


def _reach(trigger: Mention, act: Mention, signs: Signs, acts: list[Mention]) -> int | None:
    """Give how many words *trigger* stands from *act* if it speaks of it, else None."""
    reaches = trigger.sign.reaches
    same = signs.sentence_of[trigger.first] == signs.sentence_of[act.first]
    if trigger.end <= act.first:
        reaching = same and (reaches in ("before", "both") or _opens_with(trigger, signs))
        return act.first - trigger.end if reaching and _is_free_before(trigger, act, signs, acts) else None
    if trigger.first < act.end:
        return None
    reaching = reaches in ("after", "both") and (same or _speaks_back(trigger, act, signs, acts))
    return trigger.first - act.end if reaching and _is_free_after(trigger, act, signs, acts) else None


def _opens_with(trigger: Mention, signs: Signs) -> bool:
    """ "Cancelled: TLIF", "On hold: TLIF": a denial or delay that opens its sentence speaks of what follows."""
    opens = trigger.first == 0 or signs.sentence_of[trigger.first - 1] != signs.sentence_of[trigger.first]
    return opens and trigger.sign.kind in (Kind.NEGATION, Kind.PLANNED)


def _is_free_before(trigger: Mention, act: Mention, signs: Signs, acts: list[Mention]) -> bool:
    # a verb right behind the trigger belongs to it: "never undergone", "to be performed"
    between = [
        mention
        for mention in signs.mentions
        if trigger.end <= mention.first < act.first
        and not (mention.sign.kind is Kind.PERFORMED and mention.first == trigger.end)
    ]
    if any(mention.sign.kind is Kind.TURN for mention in between):
        return False
    is_narrow = trigger.sign.narrow or (trigger.sign.kind is Kind.PLANNED and trigger.sign.reaches == "after")
    if is_narrow and any(trigger.end <= other.first < act.first for other in acts if other.end <= act.first):
        return False
    if trigger.sign.kind is Kind.NEGATION:
        return not any(token == "," for token in signs.tokens[trigger.end : act.first]) and not _done_between(between)
    return not _done_between(between)


def _done_between(between: list[Mention]) -> bool:
    return any(mention.sign.kind is Kind.PERFORMED for mention in between)


def _is_free_after(trigger: Mention, act: Mention, signs: Signs, acts: list[Mention]) -> bool:
    if trigger.sign.narrow:
        return trigger.first == act.end
    between = [mention for mention in signs.mentions if act.end <= mention.first < trigger.first]
    if any(mention.sign.kind in (Kind.TURN, Kind.PERFORMED) for mention in between):
        return False
    return trigger.sign.kind is not Kind.HISTORY or not any(act.end <= other.first < trigger.first for other in acts)


def _speaks_back(trigger: Mention, act: Mention, signs: Signs, acts: list[Mention]) -> bool:
    """ "TLIF L4-5. Cancelled.": a sentence without an operation of its own speaks of the one before."""
    if trigger.sign.kind is Kind.HISTORY:
        return False
    own = signs.sentence_of[trigger.first]
    return own - signs.sentence_of[act.first] == 1 and all(signs.sentence_of[other.first] != own for other in acts)


def _is_of_family(act: Mention, signs: Signs) -> bool:
    return any(
        signs.sentence_of[trigger.first] == signs.sentence_of[act.first]
        and (trigger.end <= act.first or trigger.sign.reaches == "both")
        and _gap(act, trigger.first, trigger.end) <= _FAMILY_REACH
        for trigger in signs.of(Kind.FAMILY)
    )


def _is_context(act: Mention, signs: Signs) -> bool:
    """Something that is no operation is the text's subject, and this operation only tells after or for what it is done.

    "Physiotherapy after lumbar fusion", "CT spine: fusion L4-5 intact", "spinal fusion brace".
    """
    sentence = signs.sentence_of[act.first]
    heads = [head for head in signs.of(Kind.NOT_OPERATION) if signs.sentence_of[head.first] == sentence]
    return any(head.first == act.end and head.sign.takes_over for head in heads) or any(
        _leads_to(head, act, signs) or _opens_for(head, act, signs) for head in heads if head.first < act.first
    )


def _opens_for(head: Mention, act: Mention, signs: Signs) -> bool:
    """ "Postop visit lumbar laminectomy": a visit or treatment that opens the text is its subject, unless joined to an act."""
    between = signs.tokens[head.end : act.first]
    told = [mention.sign.kind for mention in signs.mentions if head.end <= mention.first < act.first]
    joined = any(token in JOINTS for token in between) or Kind.PERFORMED in told or Kind.TURN in told
    return head.sign.takes_over and head.first <= _OPENING and not joined


def _leads_to(head: Mention, act: Mention, signs: Signs) -> bool:
    between = [mention.sign.kind for mention in signs.mentions if head.end <= mention.first < act.first]
    if Kind.PERFORMED in between or Kind.TURN in between:
        return False
    return Kind.AFTER in between or ":" in signs.tokens[head.end : act.first]
