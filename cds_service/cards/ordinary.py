"""The programme card of an ordinary day, written in one go: the same for everybody in that week, but for some holes.

A day is ordinary where one operation is known with its kind and its day, no alert speaks, nothing of this patient changes
the plan, all of the chart could be read, and nothing is ordered yet.  Then the card follows from the lists of the week:
`programme_card`'s own parts write it once with stand-ins for what is the patient's own, and from then on a card is that
mould filled.  Every other day, and every doubt, is `build_cards`'s.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cds_service.cards.phrases import evidence_as_json
from cds_service.cards.programme import (
    KIND,
    TO_CONFIRM,
    Shown,
    lists_told,
    patient_specific,
    put_together,
    summary_text,
    unchecked_text,
    write_detail,
)  # fmt: skip
from cds_service.clinical.advice import Advice, Plan
from cds_service.knowledge.model import Knowledge
from cds_service.orders.call import CallFacts
from cds_service.orders.ids import card_uuid, ids_of_parts
from cds_service.orders.offers import Offers, order_refusal, programme_offers_in_mould
from cds_service.orders.shapes import Signed, signed, supporting
from cds_service.orders.words import levels_text, operation_name
from cds_service.wire.mould import Cast, Mould, inner_json_of_all, json_of, stand_in, stand_in_for_whole
from cds_service.wire.response import without_empties

_NO_CARD = "00000000-0000-0000-0000-000000000000"
_TELLING = frozenset({"DQ04", "DQ05", "DQ06", "DQ08"})
"""Rules of data quality that say more on a card than their id."""
_LEVELS = re.compile(r"[CTLSIO0-9, -]{0,40}\Z|\((?:at least )?[0-9]{1,2} levels?\)\Z")
"""Levels that stand the same in plain text, Markdown, XHTML and JSON, and never make a summary longer than it may be."""
_TEXTS = (
    "uuid", "on", "refer-from", "moment", "patient", "requester", "encounter", "operations", "operated", "unchecked",
)  # fmt: skip
"""Holes that take a text, but for days and ids of parts: in the order in which `ordinary_card` tells them."""
_WHOLES = ("rules", "evidence", "facts", "procedures")
"""Holes that take a list, in that order too."""


class OrdinaryCard(Cast):
    """A card as it is sent; whoever wants to read more of it than this asks `build_cards`, which says the same."""

    __slots__ = ("rules", "suggestion_uuids", "uuid")
    indicator = "info"
    kind = KIND

    def __init__(self, pieces: list[bytes], uuid: str, rules: tuple[str, ...], suggestion_uuids: tuple[str, ...]):
        self.pieces = pieces
        self.uuid = uuid
        self.rules = rules
        self.suggestion_uuids = suggestion_uuids


@dataclass(frozen=True, slots=True)
class _Form:
    """The mould of a card, and how far from the operation its days lie (*days*).

    *told* is what of the advice it tells; *name* that of the operation. *parts* are the names of those holes that take an id
    of their own, *suggestions* the places of the suggestions' ones among them, *places* those of what `ordinary_card` tells
    among the holes. *has_start* is False where the phase has no first day.
    """

    told: tuple[Any, ...]
    mould: Mould
    places: tuple[int, ...]
    name: str
    parts: tuple[str, ...]
    suggestions: tuple[int, ...]
    days: tuple[timedelta, ...]
    has_start: bool


_NO_FORM = object()


def ordinary_card(advice: Advice, knowledge: Knowledge, call: CallFacts) -> OrdinaryCard | None:
    """Give the one card that `build_cards` would give where the chart is opened; None where it must be asked."""
    if not _is_ordinary(advice, knowledge):
        return None
    by = signed(call)
    if call.orders or (call.orders is None and by.requester is not None):
        return None
    plan = advice.plans[0]
    operation = plan.operation
    levels = levels_text(operation)
    if not _LEVELS.match(levels):
        return None
    rules = tuple(dict.fromkeys([one.rule for one in advice.data_quality]))
    unchecked = unchecked_text(advice, knowledge)
    facts = supporting(by, operation.procedures)
    question = _question(advice, knowledge, call, by, plan, (bool(rules), bool(unchecked), bool(facts)))
    form = knowledge.kept(question, lambda: _form(advice, knowledge, call, plan, bool(unchecked)) or _NO_FORM)
    if form is _NO_FORM or form.told != _told(advice, plan):
        return None
    day, on = operation.date, advice.on.isoformat()
    uuid = card_uuid(call, KIND, rules, (f"{plan.protocol.id} {plan.phase.id} {day}",), advice.knowledge_version)
    ids = ids_of_parts(uuid, form.parts)
    operations = f"{form.name} {levels}" if levels else form.name
    days = [(day + after).isoformat() for after in form.days]
    refer_from = max(days[0], on) if form.has_start else on
    texts = [
        uuid, on, refer_from, by.moment, by.patient, by.requester or "", by.encounter or "", operations,
        f"{operations} on {day}", unchecked, *days, *ids,
    ]  # fmt: skip
    told = inner_json_of_all(texts)
    told_facts = json_of(facts)
    told += (json_of(rules), json_of(evidence_as_json(operation.evidence)), told_facts, told_facts)
    written = form.mould.in_order(told, form.places)
    return OrdinaryCard(written, uuid, rules, tuple([ids[place] for place in form.suggestions]))


def _is_ordinary(advice: Advice, knowledge: Knowledge) -> bool:
    if (
        advice.lists_of is None or len(advice.plans) != 1 or advice.effect is not None or advice.alerts
        or advice.modifiers or advice.surgeon_instructions or advice.order_refusal or advice.local_protocols
        or advice.unread or advice.gaps
    ):  # fmt: skip
        return False
    plan = advice.plans[0]
    operation = plan.operation
    return not (
        plan.phase is None or operation.date is None or operation.date_is_partial or operation.shift_weeks
        or operation.alternatives or operation.also_types or operation.basis in TO_CONFIRM or not operation.evidence
        or plan.protocol is not knowledge.protocols.get(plan.protocol.id)
        or operation.completed_week != operation.effective_week
        or operation.completed_week != (advice.on - operation.date).days // 7
        or not _TELLING.isdisjoint([one.rule for one in advice.data_quality])
    )  # fmt: skip


def _question(
    advice: Advice, knowledge: Knowledge, call: CallFacts, by: Signed, plan: Plan, has: tuple[bool, ...]
) -> Hashable:
    """What the card says beside its holes follows from these: which lists, which shape, and which holes there are.

    Of the day it matters only whether a week begins with it (goals due on it still count) and whether the gate is near.
    """
    days = (advice.on - plan.operation.date).days
    test, content = plan.next_test, knowledge.order_content
    is_near = (
        content is not None and test is not None and test.week is not None
        and 0 <= test.week * 7 - days <= content.gate_notice_days
    )  # fmt: skip
    return (
        "ordinary card", advice.lists_of, advice.knowledge_version, advice.draft_knowledge, plan.operation.fusion,
        days % 7 == 0, is_near, has, by.requester is None, by.encounter is None, by.profile, by.in_r5,
        call.service_base_url, call.language, call.links,
    )  # fmt: skip


def _told(advice: Advice, plan: Plan) -> tuple[Any, ...]:
    return (*lists_told(advice), plan.phase, plan.restrictions, plan.next_test, plan.protocol)


def _form(advice: Advice, knowledge: Knowledge, call: CallFacts, plan: Plan, something_unchecked: bool) -> _Form | None:
    """Write the mould; None where more of it may be the patient's own than there are holes for."""
    if patient_specific(advice) or order_refusal(advice) or not (advice.programme or advice.exercises):
        return None
    offered = programme_offers_in_mould(advice, knowledge, call)
    summary = _summary(advice, plan)
    if offered is None or offered[0].notes or summary is None:
        return None
    offers, own = offered
    bare = advice.but(data_quality=(), unknown=())
    detail = write_detail(
        bare, knowledge, (plan,), Offers(), (), (), stand_in("unchecked") if something_unchecked else ""
    )
    rules = stand_in_for_whole("rules") if advice.data_quality else ()
    shown = Shown(_NO_CARD, summary, detail, offers.suggestions, rules, stand_in_for_whole("evidence"))
    told = without_empties(put_together(shown, bare, knowledge, call, (plan,), KIND))
    told["uuid"] = stand_in("uuid")
    mould = Mould(told)
    days = {"start": own.start, "end": own.end, "gate": own.gate}
    days |= {f"due-{number}": one.due for number, one in enumerate(own.goals, start=1)}
    days = {name: day for name, day in days.items() if day is not None}
    parts = tuple([name for name in mould.names if name not in (*_TEXTS, *_WHOLES, *days)])
    return _Form(
        told=_told(advice, plan),
        mould=mould,
        places=mould.places((*_TEXTS, *days, *parts, *_WHOLES)),
        name=operation_name(plan.protocol),
        parts=parts,
        suggestions=tuple([parts.index(_name_of(one.uuid)) for one in offers.suggestions]),
        days=tuple([date.fromisoformat(day) - plan.operation.date for day in days.values()]),
        has_start="start" in days,
    )


def _name_of(id_: str) -> str:
    return id_.removeprefix("0hole.").removesuffix(".eloh0")


def _summary(advice: Advice, plan: Plan) -> str | None:
    """The summary with a stand-in for the operation; None where long levels would push something else out of it."""
    rests = set()
    for levels in ("L", "L" * 40):
        begins = f"{operation_name(plan.protocol)} {levels}"
        text = summary_text(advice, (plan,), (), begins)
        rests.add(text[len(begins) :] if text.startswith(begins) else None)
    rest = rests.pop()
    return None if rest is None or rests else stand_in("operations") + rest
