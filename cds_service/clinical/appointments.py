"""Appointments being booked against the advice: therapy, pool or gym before its week, or while an alert stops it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cds_service.clinical.advice import Advice
from cds_service.clinical.drafts import AdviceOn, Clash, Judged, Reason, is_over, judge
from cds_service.clinical.mentions import ASSESSMENT, FOLLOW_UP, WITH_THERAPIST, Wanted, read_wanted
from cds_service.knowledge.model import Knowledge
from cds_service.patient.record import Order

THERAPY_START = "THERAPY_START"
"""Stands where a rule id would: cards/appointments.yaml, the week in which outpatient therapy opens."""


def judge_bookings(
    proposed: Iterable[Order], today: Advice, advice_on: AdviceOn, knowledge: Knowledge
) -> tuple[Judged, ...]:
    """Judge every appointment for exercise or therapy on its own day; follow-ups and assessments always fit."""
    if knowledge.exercise_words is None or not (today.relevant or today.may_hide_an_operation):
        return ()
    judged = []
    for order in proposed:
        if order.kind != "Appointment" or is_over(order):
            continue
        wanted = read_wanted(order, knowledge.exercise_words, knowledge.order_content)
        if wanted.is_training and not wanted.kinds & {ASSESSMENT, FOLLOW_UP}:
            judged.append(_judged(order, wanted, today, advice_on, knowledge))
    return tuple(judged)


def _judged(order: Order, wanted: Wanted, today: Advice, advice_on: AdviceOn, knowledge: Knowledge) -> Judged:
    day = order.when.earliest if order.when is not None else None
    on = max(day, today.on) if day is not None else today.on
    found = judge(order, wanted.with_kind(WITH_THERAPIST), on, today, advice_on, knowledge)
    if not today.relevant or any(one.reason is Reason.STOPPED for one in found.clashes) or not wanted.is_therapy:
        return found
    early = _too_early(wanted, on, today if on == today.on else advice_on(on), knowledge)
    return Judged(order, wanted, on, (*found.clashes, *early))


def _too_early(wanted: Wanted, on: date, then: Advice, knowledge: Knowledge) -> list[Clash]:
    """Give the clash where therapy opens after *on* for one of the operations, the latest of them."""
    clashes = []
    for plan in then.plans:
        start = knowledge.appointments.therapy_from.get(plan.protocol.id) if knowledge.appointments else None
        opens = plan.opens(start.week) if start is not None else None
        if start is not None and opens is not None and on < opens:
            because = f"outpatient therapy from week {start.week + plan.operation.shift_weeks}: {start.say}"
            week = start.week + plan.operation.shift_weeks
            clashes.append(
                Clash(
                    Reason.TOO_EARLY,
                    THERAPY_START,
                    because,
                    wanted.said or "therapy",
                    None,
                    week,
                    opens,
                    sources=start.sources,
                )
            )
    return clashes and [max(clashes, key=lambda one: one.earliest or on)]
