"""What is ordered already: the same thing by our canonical, by category or by code. Changes no order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cds_service.knowledge.canonical import HOME_PROGRAMME, REFER_PHYSIOTHERAPY
from cds_service.knowledge.model import OrderContent
from cds_service.patient.codes import code_key
from cds_service.patient.record import Order

PA_CODES = "http://hl7.org/fhir/us/physical-activity/CodeSystem/pa-temporary-codes"
_SNOMED_THERAPY = ("snomed", "91251008")
_OPEN = frozenset({"draft", "active", "on-hold", "unknown", "proposed", "planned", "accepted"})
_KINDS = {"ServiceRequest", "CarePlan"}


@dataclass(frozen=True, slots=True)
class Existing:
    """An order of the chart that already asks for the same: *day* as recorded, None where the order carries no date."""

    order: Order
    day: str | None
    ours: bool


def find_existing(
    orders: tuple[Order, ...] | None, kind: str, content: OrderContent | None, on: date
) -> Existing | None:
    """Give the newest open order that already does what *kind* (of knowledge.canonical) would do, else None.

    An order whose time is over before *on* does not count. An order without status counts: it may be open.
    A completed one counts only where it is ours and its time covers *on*.
    """
    found = [
        Existing(order, _day(order), ours)
        for order in orders or ()
        if order.kind in _KINDS
        and (
            ((ours := _is_ours(order, kind)) and _covers(order, on, completed_counts=True))
            or (_is_same(order, kind, content) and _covers(order, on, completed_counts=False))
        )
    ]
    found.sort(key=lambda one: (one.ours, one.day or ""), reverse=True)
    return found[0] if found else None


def running_programmes(orders: tuple[Order, ...] | None, content: OrderContent | None, on: date) -> tuple[Order, ...]:
    """Give the active ServiceRequests for exercise, ours or another's, whose time is not over on *on*."""
    return tuple(
        order
        for order in orders or ()
        if order.kind == "ServiceRequest"
        and order.status == "active"
        and (_is_ours(order, HOME_PROGRAMME) or _is_same(order, HOME_PROGRAMME, content))
        and _covers(order, on, completed_counts=False)
    )


def find_goal(orders: tuple[Order, ...] | None, description: str) -> Order | None:
    """Give the open Goal with the same words, so that it is pointed to instead of written again."""
    for order in orders or ():
        if order.kind == "Goal" and (order.status is None or order.status in _OPEN):
            if any(concept.text == description for concept in order.code):
                return order
    return None


def _is_ours(order: Order, kind: str) -> bool:
    ending = f"/fhir/ActivityDefinition/{kind}"
    return any(one.split("|")[0].endswith(ending) for one in order.instantiates)


def _is_same(order: Order, kind: str, content: OrderContent | None) -> bool:
    if order.do_not_perform:
        return False
    if any("/fhir/ActivityDefinition/" in one for one in order.instantiates) and not _is_ours(order, kind):
        return False
    codes = {key for concept in order.code for key in concept.keys}
    categories = {(coding.system, coding.code) for concept in order.category for coding in concept.codings}
    activity = (PA_CODES, "PhysicalActivity") in categories
    if kind == HOME_PROGRAMME:
        return activity or bool(content and codes & content.exercise_codes)
    if kind == REFER_PHYSIOTHERAPY and not activity:
        if content and codes & content.physiotherapy_codes:
            return True
        if any(code_key(*one) == _SNOMED_THERAPY for one in categories):
            return True
        words = " ".join(word for concept in order.code for word in concept.words).lower()
        return bool(content) and any(word in words for word in content.physiotherapy_words)
    return False


def _covers(order: Order, on: date, completed_counts: bool) -> bool:
    if order.period_end is not None and order.period_end.latest is not None and order.period_end.latest < on:
        return False
    if order.status is None or order.status in _OPEN:
        return True
    return completed_counts and order.status == "completed" and order.period_end is not None


def _day(order: Order) -> str | None:
    for when in (order.when, order.period_start):
        if when is not None and when.as_recorded:
            return when.as_recorded[:10]
    return None
