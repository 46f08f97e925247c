"""Phases and gates in the calendar."""

from __future__ import annotations

from datetime import timedelta

from cds_service.orders.timing import next_gate, phase_span, week_starts
from cds_service.orders.words import exercise_name, levels_text, operation_name, short_exercise_name, weeks_text
from tests.advice_maker import OPERATED, a_plan, an_operation, knowledge


def test_without_a_date_there_is_no_calendar() -> None:
    plan = a_plan("LUM_FUS", None)

    assert week_starts(plan, 6) is None
    assert phase_span((plan,)) == (None, None)
    assert next_gate((plan,)) is None


def test_the_first_phase_begins_with_the_operation_even_where_the_ladder_is_shifted() -> None:
    plan = a_plan("LUM_FUS", 2, shift_weeks=4)

    assert phase_span((plan,)) == (OPERATED, OPERATED + timedelta(weeks=10, days=-1))


def test_a_phase_of_an_operation_without_date_bounds_nothing() -> None:
    phase = knowledge().protocols["LUM_FUS"].phases[0]
    plan = a_plan("LUM_FUS", None, phase=phase)

    assert phase_span((plan,)) == (None, None)


def test_the_nearest_gate_is_the_next() -> None:
    plans = (a_plan("CRV_ACDF", 7), a_plan("LUM_DISC", 7))
    later = a_plan("CRV_ACDF", 20)

    assert next_gate((later, plans[1]))[1] == OPERATED + timedelta(weeks=12)


def test_levels_are_said_as_a_surgeon_says_them() -> None:
    said = {
        ("L4-L5",): "L4-L5",
        ("L3-L4", "L4-L5", "L5-S1"): "L3-S1",
        ("C4-C5", "C6-C7"): "C4-C5, C6-C7",
        ("L4",): "L4",
    }
    for levels, text in said.items():
        assert levels_text(an_operation(levels=levels)) == text
    assert levels_text(an_operation(levels=(), level_count=None)) == ""
    assert levels_text(an_operation(levels=(), level_count=1)) == "(1 level)"
    assert levels_text(an_operation(levels=(), level_count=2, level_count_is_minimum=True)) == "(at least 2 levels)"


def test_names_are_short_enough_for_a_summary() -> None:
    for protocol in knowledge().protocols.values():
        assert 0 < len(operation_name(protocol)) <= 50
    assert operation_name(knowledge().protocols["LUM_FUS"]) == "Lumbar fusion"


def test_names_of_exercises_fit_into_a_row() -> None:
    assert short_exercise_name(knowledge(), "recumbent_bike") == "recumbent stationary bike"
    assert short_exercise_name(knowledge(), "arm_ergometer") == "arm ergometer"
    assert exercise_name(knowledge(), "not_in_the_catalogue") == "not in the catalogue"


def test_weeks_of_a_phase_in_words() -> None:
    phases = knowledge().protocols["LUM_FUS"].phases

    assert weeks_text(phases[0]) == "weeks 0 to 6"
    assert weeks_text(phases[-1]) == "from week 52"
