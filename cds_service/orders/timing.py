"""When a phase and its gate lie in the calendar. Counts from the operation; knows no clock."""

from __future__ import annotations

from datetime import date, timedelta

from cds_service.clinical.advice import Plan


def week_starts(plan: Plan, week: int) -> date | None:
    """Give the first day of protocol week *week*, shifted as RF45 shifts the ladder; week 0 is never shifted.

    None where the operation has no date.
    """
    return plan.opens(week)


def phase_span(plans: tuple[Plan, ...]) -> tuple[date | None, date | None]:
    """Give first and last day on which the phases of all *plans* hold together; None for a side that is open."""
    starts: list[date] = []
    ends: list[date] = []
    for plan in plans:
        if plan.phase is None:
            continue
        start = week_starts(plan, plan.phase.from_week)
        if start is not None:
            starts.append(start)
        if plan.phase.to_week is not None:
            end = week_starts(plan, plan.phase.to_week)
            if end is not None:
                ends.append(end - timedelta(days=1))
    return (max(starts) if starts else None, min(ends) if ends else None)


def next_gate(plans: tuple[Plan, ...]) -> tuple[Plan, date] | None:
    """Give the plan whose phase gate comes first, with the gate's day; None where no gate has a date."""
    gates = [
        (day, index)
        for index, plan in enumerate(plans)
        if plan.next_test is not None
        and plan.next_test.week is not None
        and (day := week_starts(plan, plan.next_test.week)) is not None
    ]
    if not gates:
        return None
    day, index = min(gates)
    return plans[index], day
