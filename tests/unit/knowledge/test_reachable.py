"""A rule that can never speak is a fault of the folder."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.model import Knowledge
from cds_service.knowledge.reachable import find_unreachable
from cds_service.patient.criteria import compile_condition
from tests.unit.knowledge.questions import a_grade, a_rule


def compiled(knowledge: Knowledge, node: Any) -> Any:
    faults: list[Fault] = []
    condition = compile_condition(node, knowledge.known, str, faults)
    assert faults == []
    return condition


def warm(at_least: str, **more: str) -> dict[str, Any]:
    return {"measure": {"of": "temperature", "unit": "Cel", "at_least": at_least, **more}}


def told(knowledge: Knowledge, *whens: Any, applies: Any = None) -> list[str]:
    grades = tuple(a_grade(f"step_{index}", when=compiled(knowledge, when)) for index, when in enumerate(whens))
    rule = a_rule(grades=grades, applies=compiled(knowledge, applies or {"always": ""}))
    return [str(fault) for fault in find_unreachable((rule,), knowledge.protocols)]


def test_the_shipped_rules_can_all_speak(shipped: Knowledge) -> None:
    assert find_unreachable(shipped.rules, shipped.protocols) == []


def test_worst_first_is_fine(shipped: Knowledge) -> None:
    assert told(shipped, warm("39"), warm("38")) == []


@pytest.mark.parametrize("second", [warm("39"), warm("38")])
def test_a_step_behind_a_wider_one_is_told(shipped: Knowledge, second: Any) -> None:
    assert any(
        "step_1: can never speak, because step_0 before it" in line for line in told(shipped, warm("38"), second)
    )


@pytest.mark.parametrize(
    "when",
    [
        warm("40", at_most="39"),
        warm("39", below="39"),
        {"measure": {"of": "temperature", "unit": "Cel", "above": "39", "at_most": "39"}},
        {"all": [{"always": ""}, warm("40", below="39")]},
        {"age": {"at_least": "75", "below": "18", "unit": "years"}},
    ],
)
def test_limits_with_nothing_between_are_told(shipped: Knowledge, when: Any) -> None:
    assert any("its limits leave nothing between" in line for line in told(shipped, when))


def test_a_single_value_between_is_something(shipped: Knowledge) -> None:
    assert told(shipped, warm("39", at_most="39")) == []


def test_below_a_not_an_empty_limit_says_always(shipped: Knowledge) -> None:
    assert told(shipped, {"not": warm("40", below="39")}) == []


def test_an_operation_nobody_knows_is_told(shipped: Knowledge) -> None:
    lines = told(shipped, warm("38"), applies={"surgery_type": {"one_of": ["LUM_FUSION"]}})

    assert "applies: no protocol is called LUM_FUSION" in lines[0]
