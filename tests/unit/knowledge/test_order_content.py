"""cards/orders.yaml: everything wrong in it is told, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.knowledge.order_content import load_order_content
from tests.advice_maker import CARDS, knowledge


def load(folder: Path, faults: list):
    return load_order_content(folder, knowledge().protocols, knowledge().sources, faults)


def test_our_own_file_is_read() -> None:
    faults: list = []

    content = load(CARDS, faults)

    assert faults == []
    assert content.gate_notice_days == 14
    assert ("snomed", "229065009") in content.exercise_codes
    assert all(target.sources for target in content.targets)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    faults: list = []

    assert load(tmp_path, faults) is None
    assert str(faults[0]).startswith("orders.yaml: this file is missing")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("protocols: [LUM_FUS]", "protocols: [LUM_FUZ]", "'LUM_FUZ' is no protocol we know"),
        ("phase: P2", "phase: P9", "has no phase P9"),
        ("sources: [P01]", "sources: [P999]", "'P999' is no source we know"),
        ("sources: [R05]", "sources: [nobody]", "'nobody' is no source we know"),
        ("measure: 68516-4", "measure: minutes", "no LOINC code"),
        ("value: 30", "value: thirty", "not a whole number"),
        ("days: 14", "days: two weeks", "not a whole number"),
        ("gate_notice:", "gate_notices:", "gate_notice"),
        ("checked_on: not yet", "checked_on: 2026-01-01", "checked_by and checked_on do not fit together"),
    ],
)
def test_each_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (CARDS / "orders.yaml").read_text()
    assert old in text
    (tmp_path / "orders.yaml").write_text(text.replace(old, new))
    faults: list = []

    load(tmp_path, faults)

    assert any(says in str(fault) and str(fault).startswith("orders.yaml:") for fault in faults), [
        str(one) for one in faults
    ]
