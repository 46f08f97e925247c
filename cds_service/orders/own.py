"""What in an order is the patient's own, as the text that stands there; all else in it is knowledge. Decides nothing.

The same code writes an order and the mould of it: for the mould, `stand_ins` take the place of what is the patient's own.
So a mould says what the order would say, and holds nothing of a patient, however long knowledge keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import structs

from cds_service.knowledge.model import ActivityTarget
from cds_service.orders.shapes import Resource, Signed
from cds_service.orders.suggestion import Action
from cds_service.wire.mould import Mould, Written, inner_json, json_of, stand_in, stand_in_for_whole


@dataclass(frozen=True, slots=True)
class GoalOfPhase:
    """A goal that the phase sets: *text* and *target* are ours, the day it is *due* is the patient's.

    *known* is the reference of a goal of the chart that says the same.
    """

    text: str
    target: ActivityTarget | None
    due: str | None
    known: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """The patient's own parts of the orders on one card, dates as FHIR text.

    *id_of* gives the id of a part by its name. *start* and *end* are the days of the phase, *refer_from* the first day of a
    referral; None where that side is open. *operations* names the operations with their levels. *facts* are the
    references of `supportingInfo`, *procedures* those of the operations alone; *gate* is the day of the next phase gate.
    """

    by: Signed
    id_of: Callable[[str], str]
    on: str
    start: str | None
    end: str | None
    refer_from: str | None
    operations: str
    rationale: str
    reason: str
    facts: list[Resource]
    procedures: list[Resource]
    goals: tuple[GoalOfPhase, ...]
    gate: str | None


def stand_ins(own: Own) -> Own:
    """Give *own* with a stand-in for every part that it has; what it lacks stays lacking."""

    def of(name: str, value: str | None) -> str | None:
        return None if value is None else stand_in(name)

    facts: Any = stand_in_for_whole("facts") if own.facts else []
    procedures: Any = stand_in_for_whole("procedures") if own.procedures else []
    return Own(
        by=structs.replace(
            own.by,
            patient=stand_in("patient"),
            requester=stand_in("requester"),
            encounter=of("encounter", own.by.encounter),
            moment=stand_in("moment"),
        ),
        id_of=stand_in,
        on=stand_in("on"),
        start=of("start", own.start),
        end=of("end", own.end),
        refer_from=of("refer-from", own.refer_from),
        operations=stand_in("operations"),
        rationale=stand_in("rationale"),
        reason=stand_in("reason"),
        facts=facts,
        procedures=procedures,
        goals=tuple(
            replace(one, due=of(f"due-{number}", one.due), known=None) for number, one in enumerate(own.goals, start=1)
        ),
        gate=of("gate", own.gate),
    )


class InJson(dict[str, bytes]):
    """The patient's own parts as JSON, by the names of their stand-ins; ids are worked out where they are asked for."""

    def __init__(self, own: Own):
        by = own.by
        texts = {
            "patient": by.patient, "requester": by.requester, "encounter": by.encounter, "moment": by.moment, "on": own.on,
            "start": own.start, "end": own.end, "refer-from": own.refer_from, "operations": own.operations,
            "rationale": own.rationale, "reason": own.reason,
        }  # fmt: skip
        texts |= {f"due-{number}": one.due for number, one in enumerate(own.goals, start=1)}
        super().__init__({name: inner_json(text) for name, text in texts.items() if text is not None})
        self["facts"] = json_of(own.facts)
        self._id_of = own.id_of

    def __missing__(self, name: str) -> bytes:
        made = self[name] = self._id_of(name).encode()
        return made


def action_of(told: dict[str, Any]) -> Action:
    """Read an action back from its JSON."""
    return Action(told["type"], told["description"], told.get("resource"), told.get("resourceId"))


def actions_mould(actions: Sequence[Action]) -> Mould:
    """Give the mould of *actions* that were written with stand-ins."""
    return Mould([{"type": one.type_, "description": one.description, "resource": one.resource} for one in actions])


def cast(mould: Mould, own: InJson) -> Written:
    """Give the actions of *mould* with the patient's own parts filled in."""
    return Written((mould.filled(own)[1:-1],), action_of)
