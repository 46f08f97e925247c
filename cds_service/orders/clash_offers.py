"""Suggestions for drafts that clash: take them away, or change them to what fits. Judges no draft."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cds_service.clinical.advice import Advice
from cds_service.clinical.drafts import Clash, Judged, Reason
from cds_service.clinical.mentions import Mention, read_mentions
from cds_service.knowledge.exercise_words import DraftWords
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.drafts import change_draft, remove_draft
from cds_service.orders.ids import part_id
from cds_service.orders.offers import Offers, programme_offers
from cds_service.orders.suggestion import Action, Suggestion
from cds_service.orders.words import exercise_name, short_exercise_name
from cds_service.patient.codes import code_key

_CHANGEABLE = frozenset({Reason.NEVER, Reason.WITHHELD, Reason.TOO_EARLY, Reason.CLEARANCE, Reason.SUPERVISED})
_HOLDABLE = frozenset({"active", "on-hold"})
_BOOKED = frozenset({"booked", "arrived", "checked-in", "pending"})
_TEXTS = frozenset(
    {"text", "display", "description", "title", "comment", "patientInstruction", "instructionMarkdown", "div"}
)
_SNOMED = "http://snomed.info/sct"


def clash_offers(
    clashing: Sequence[Judged], advice: Advice, knowledge: Knowledge, call: CallFacts, card: str
) -> Offers:
    """Give the suggestions of an order-check card: change what has a stand-in, else remove; an order that is signed
    already is put on hold, not deleted. Nothing for a user who may not order."""
    if call.requester is None:
        return Offers()
    changes = [_change(one, knowledge, card) for one in clashing]
    removals = [_remove(one, card) for one in clashing]
    choices: list[tuple[str, str, list[Action]]] = []
    if any(changes):
        chosen = [change or removal for change, removal in zip(changes, removals, strict=True)]
        choices.append(("change", "Change to what fits now", _actions(chosen)))
    if any(removals):
        several = len(clashing) > 1
        held = all(one.order.status in _HOLDABLE for one in clashing)
        label = (
            f"{'Put' if held else 'Remove'} {'these orders' if several else 'this order'}{' on hold' if held else ''}"
        )
        choices.append(("remove", label, _actions(removals)))
    made = [
        Suggestion(part_id(card, name), label, tuple(actions), is_recommended=index == 0)
        for index, (name, label, actions) in enumerate(choices)
    ]
    notes: tuple[str, ...] = ()
    if any(clash.reason is Reason.AGREE_FIRST for one in clashing for clash in one.clashes):
        other = programme_offers(advice, knowledge, call, card)
        made += [Suggestion(one.uuid, one.label, one.actions) for one in other.suggestions]
        notes = other.notes
    return Offers(tuple(made), notes)


def booking_offers(
    clashing: Sequence[Judged], advice: Advice, knowledge: Knowledge, call: CallFacts, card: str
) -> Offers:
    """Give the suggestions for appointments that clash: ask for a later date where one is known, else give it up.

    An appointment that is booked already is cancelled, not deleted.
    """
    if call.requester is None:
        return Offers()
    moved = [_moved(one, card) for one in clashing]
    given_up = [_given_up(one, card) for one in clashing]
    choices: list[tuple[str, str, list[Action]]] = []
    if any(moved):
        label = "Ask for a later date" if len(clashing) == 1 else "Ask for later dates"
        choices.append(("later", label, _actions([late or none for late, none in zip(moved, given_up, strict=True)])))
    if any(given_up):
        choices.append(
            (
                "remove",
                "Give this appointment up" if len(clashing) == 1 else "Give these appointments up",
                _actions(given_up),
            )
        )
    return Offers(
        tuple(
            Suggestion(part_id(card, name), label, tuple(actions), is_recommended=index == 0)
            for index, (name, label, actions) in enumerate(choices)
        )
    )


def _moved(judged: Judged, card: str) -> Suggestion | None:
    """Give the appointment without a slot, wished from the first day on which everything in it fits.

    Source: FHIR R4 and R5, Appointment: only a proposed one may do without start and end.
    """
    days = [one.earliest for one in judged.clashes]
    if judged.order.resource is None or not all(days):
        return None
    first = max(day for day in days if day is not None).isoformat()
    wish = {"status": "proposed", "start": None, "end": None, "slot": None, "requestedPeriod": [{"start": first}]}
    return change_draft(card, judged.order.resource, wish, f"from {first}")


def _given_up(judged: Judged, card: str) -> Suggestion | None:
    return _taken_back(judged, card, _BOOKED, "cancelled", "cancel {}")


def _taken_back(judged: Judged, card: str, statuses: Collection[str], status: str, words: str) -> Suggestion | None:
    """Offer *status* where the draft stands in one of *statuses* and can be changed; else to remove the draft."""
    order = judged.order
    what = judged.wanted.said or order.kind
    if order.status in statuses and order.resource is not None:
        return change_draft(card, order.resource, {"status": status}, words.format(what))
    return remove_draft(card, order.reference, what)


def _actions(found: Sequence[Suggestion | None]) -> list[Action]:
    return [action for one in found if one is not None for action in one.actions]


def _remove(judged: Judged, card: str) -> Suggestion | None:
    return _taken_back(judged, card, _HOLDABLE, "on-hold", "put {} on hold")


def _change(judged: Judged, knowledge: Knowledge, card: str) -> Suggestion | None:
    """Give the draft with every clashing exercise replaced by its stand-in; None where one has none."""
    order, words = judged.order, knowledge.exercise_words
    clashes = judged.clashes
    if order.resource is None or order.kind == "DeviceRequest":
        return None
    if any(clash.instead is None or clash.reason not in _CHANGEABLE for clash in clashes):
        return None
    stand_ins = _stand_ins(judged.wanted.mentions, clashes)
    rewritten = _rewritten(dict(order.resource), stand_ins, knowledge, words)
    changed = {key: value for key, value in rewritten.items() if value != order.resource.get(key)}
    changed |= {key: None for key in order.resource if key not in rewritten}
    names = ", ".join(dict.fromkeys(short_exercise_name(knowledge, one) for one in stand_ins.values()))
    return change_draft(card, order.resource, changed, names)


def _stand_ins(mentions: Sequence[Mention], clashes: Sequence[Clash]) -> dict[tuple[str, ...], str]:
    """What the order's words may mean -> the exercise that stands in."""
    return {
        mention.entry.means: clash.instead
        for mention in mentions
        for clash in clashes
        if clash.exercise in mention.entry.means and clash.instead is not None
    }


def _rewritten(
    value: Any, stand_ins: Mapping[tuple[str, ...], str], knowledge: Knowledge, words: DraftWords, key: str = ""
) -> Any:
    if isinstance(value, dict):
        if "coding" in value:
            value = _recoded(value, stand_ins, knowledge, words)
        return {name: _rewritten(inner, stand_ins, knowledge, words, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rewritten(inner, stand_ins, knowledge, words, key) for inner in value]
    if isinstance(value, str) and key in _TEXTS:
        return _reworded(value, stand_ins, knowledge, words)
    return value


def _recoded(
    concept: dict[str, Any], stand_ins: Mapping[tuple[str, ...], str], knowledge: Knowledge, words: DraftWords
) -> dict[str, Any]:
    """Give a CodeableConcept without the codings of what was replaced; a code of the stand-in takes their place."""
    codings = concept["coding"] if isinstance(concept["coding"], list) else [concept["coding"]]
    kept, chosen = [], []
    for coding in codings:
        found = _meaning(coding, words, stand_ins) if isinstance(coding, dict) else None
        if found is None:
            kept.append(coding)
        else:
            chosen.append(stand_ins[found])
    if not chosen:
        return concept
    exercise = knowledge.exercises[chosen[0]]
    if exercise.snomed_code and exercise.snomed_fit in ("exact", "approximate"):
        kept.append({"system": _SNOMED, "code": exercise.snomed_code, "display": exercise.snomed_display})
    recoded = {name: value for name, value in concept.items() if name != "coding"}
    if kept:
        recoded["coding"] = kept
    if not isinstance(recoded.get("text"), str):
        recoded["text"] = exercise_name(knowledge, chosen[0])
    return recoded


def _meaning(
    coding: Mapping[str, Any], words: DraftWords, stand_ins: Mapping[tuple[str, ...], str]
) -> tuple[str, ...] | None:
    """What a coding means, by code or else by its display, where that is one of the things replaced."""
    code, system, display = (coding.get(name) for name in ("code", "system", "display"))
    if isinstance(code, str):
        entry = words.codes.get(code_key(system if isinstance(system, str) else None, code))
        if entry is not None:
            return entry.means if entry.means in stand_ins else None
    named = read_mentions(display, words) if isinstance(display, str) else []
    return next((one.entry.means for one in named if one.entry.means in stand_ins), None)


def _reworded(text: str, stand_ins: Mapping[tuple[str, ...], str], knowledge: Knowledge, words: DraftWords) -> str:
    """Give *text* with the clashing words replaced; a word that the text forbids stays forbidden."""
    for mention in reversed(read_mentions(text, words)):
        if not mention.forbidden and mention.entry.means in stand_ins:
            name = short_exercise_name(knowledge, stand_ins[mention.entry.means])
            text = text[: mention.start] + name + text[mention.end :]
    return text
