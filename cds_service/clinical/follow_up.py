"""The follow-up at the next phase gate: when it is due, and whether the chart knows of one. Books nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cds_service.clinical.advice import Advice, Plan
from cds_service.clinical.mentions import FOLLOW_UP, read_wanted
from cds_service.clinical.protocol import next_test
from cds_service.knowledge.canonical import FOLLOW_UP as OUR_FOLLOW_UP
from cds_service.knowledge.model import Knowledge, ProgressionTest
from cds_service.patient.record import Order, PatientRecord

_OVER = frozenset({"entered-in-error", "revoked", "cancelled", "noshow", "stopped", "completed", "fulfilled"})


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The follow-up due on *day*, in completed week *week* of *plan*.

    *known* is the order or appointment that is it already. *checked* is False where orders or appointments could not be
    read, so that a missing one is not known to be missing.
    """

    plan: Plan
    test: ProgressionTest
    day: date
    week: int
    known: Order | None
    checked: bool

    def is_near(self, on: date, days: int) -> bool:
        """Tell whether the gate lies at most *days* days after *on*."""
        return 0 <= (self.day - on).days <= days


def next_follow_up(
    advice: Advice, record: PatientRecord, knowledge: Knowledge, proposed: Iterable[Order] = ()
) -> FollowUp | None:
    """Give the first gate that lies ahead; None where no operation has one. *proposed* are appointments being booked."""
    gates = [
        (day, index, test)
        for index, plan in enumerate(advice.plans)
        if (test := _gate(plan)) is not None and (day := plan.opens(test.week)) is not None and day >= advice.on
    ]
    if not gates:
        return None
    day, index, test = min(gates, key=lambda one: one[:2])
    found = (*proposed, *(record.orders or ()), *(record.appointments or ()))
    known = next((one for one in found if _is_it(one, advice.on, day, knowledge)), None)
    checked = record.orders is not None and record.appointments is not None
    return FollowUp(advice.plans[index], test, day, test.week or 0, known, checked)


def _gate(plan: Plan) -> ProgressionTest | None:
    """The test at the end of the phase, also where an alert holds the patient back: the visit is due all the same."""
    test = next_test(plan.protocol, plan.phase)
    return test if test is not None and test.week is not None else None


def _is_it(order: Order, on: date, gate: date, knowledge: Knowledge) -> bool:
    """An open order or appointment for a follow-up between today and shortly after the gate; one without day may be it.

    An appointment that does not say what it is for may be it as well: we do not claim that one is missing.
    """
    if order.status in _OVER or order.kind not in ("Appointment", "ServiceRequest"):
        return False
    day = order.period_start if order.period_start is not None else order.when if order.kind == "Appointment" else None
    notice = timedelta(days=knowledge.order_content.gate_notice_days if knowledge.order_content else 0)
    if day is not None and day.latest is not None and day.earliest is not None:
        if day.latest < on or day.earliest > gate + notice:
            return False
    if any(one.split("|")[0].endswith(f"/ActivityDefinition/{OUR_FOLLOW_UP}") for one in order.instantiates):
        return True
    wanted = read_wanted(order, knowledge.exercise_words, knowledge.order_content)
    silent = order.kind == "Appointment" and not order.code and not order.category and not order.notes
    return FOLLOW_UP in wanted.kinds or silent
