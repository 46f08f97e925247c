"""Which advice may leave the building on paper."""

from __future__ import annotations

import pytest

from cds_service.clinical.take_home import no_sheet_because, take_home
from cds_service.knowledge.model import Effect, Severity
from tests.advice_maker import a_plan, an_advice, an_alert, nothing_to_say
from tests.changed import replace


def test_an_ordinary_programme_may_be_printed() -> None:
    advice = an_advice()

    printed = take_home(advice)

    assert printed is not None and no_sheet_because(advice) is None
    assert printed.exercises == tuple(one.exercise for one in advice.programme)
    assert (printed.surgery_type, printed.week) == ("LUM_FUS", advice.plans[0].operation.effective_week)


def test_the_week_is_the_one_that_counts_for_the_protocol() -> None:
    plan = a_plan()
    shifted = replace(plan, operation=replace(plan.operation, completed_week=9, effective_week=7, shift_weeks=2))

    printed = take_home(an_advice(plans=(shifted,)))

    assert printed is not None and printed.week == 7


@pytest.mark.parametrize("effect", [Effect.STOP_ALL, Effect.BASELINE_ONLY])
def test_an_effect_that_stops_or_strips_the_programme_forbids_the_sheet(effect: Effect) -> None:
    assert no_sheet_because(replace(an_advice(), effect=effect)) == "an alert stands"


def test_a_critical_alert_alone_forbids_the_sheet() -> None:
    alert = replace(an_alert(), severity=Severity.CRITICAL)

    assert take_home(replace(an_advice(), alerts=(alert,))) is None


def test_what_cannot_be_ordered_is_not_printed_either() -> None:
    told = no_sheet_because(replace(an_advice(), order_refusal="the operation is recorded as text only."))

    assert told == "the operation is recorded as text only"


def test_two_operations_have_no_common_sheet() -> None:
    plan = a_plan()

    assert "several operations" in str(no_sheet_because(an_advice(plans=(plan, plan))))
    also = replace(plan, operation=replace(plan.operation, also_types=("LUM_DISC",)))
    assert "several operations" in str(no_sheet_because(an_advice(plans=(also,))))


def test_without_an_operation_there_is_nothing_to_print() -> None:
    assert "no spine operation" in str(no_sheet_because(nothing_to_say()))
