"""What of an advice may be handed to the patient on paper: one operation's programme, and never beside an alert."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.clinical.advice import Advice, Plan
from cds_service.knowledge.model import Effect, Severity

_FORBIDDING = (Effect.STOP_ALL, Effect.BASELINE_ONLY)


@dataclass(frozen=True, slots=True)
class TakeHome:
    """What a patient sheet is asked with: *surgery_type* (the protocol's), *week* (the effective week), exercise ids."""

    surgery_type: str
    week: int
    exercises: tuple[str, ...]


def take_home(advice: Advice) -> TakeHome | None:
    """Give what may be printed for the patient, None where `no_sheet_because` tells why nothing may."""
    if no_sheet_because(advice) is not None:
        return None
    plan = _counted(advice)[0]
    exercises = tuple(one.exercise for one in advice.programme)
    return TakeHome(plan.protocol.id, plan.operation.effective_week or 0, exercises)


def no_sheet_because(advice: Advice) -> str | None:
    """Tell why no sheet may be printed, as a clause; None where one may.

    A sheet leaves the building and outlives the alert, so it is refused wherever a programme could not be ordered.
    """
    plans = _counted(advice)
    if not plans:
        return "the record holds no spine operation with a known date"
    if advice.effect in _FORBIDDING or any(one.severity is Severity.CRITICAL for one in advice.alerts):
        return "an alert stands"
    if advice.order_refusal:
        return advice.order_refusal.rstrip(". ")
    if len(advice.plans) > 1 or plans[0].operation.also_types:
        return "the limits of several operations hold together, and a sheet tells those of one"
    return None


def _counted(advice: Advice) -> list[Plan]:
    return [plan for plan in advice.plans if plan.operation.effective_week is not None]
