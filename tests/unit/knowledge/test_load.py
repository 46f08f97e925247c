"""The shipped folder loads, says what it is, and breaks loudly."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeFaults
from cds_service.knowledge.load import check_knowledge, load_knowledge
from cds_service.knowledge.model import Knowledge, Permission

CARDS = Path(__file__).parents[3] / "cards"


@pytest.fixture(scope="module")
def shipped() -> Knowledge:
    return load_knowledge(CARDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "cards"
    shutil.copytree(CARDS, copy)
    return copy


def change(folder: Path, name: str, before: str, after: str) -> None:
    file = folder / name
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{before!r} is not in {name}"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(KnowledgeFaults) as found:
        load_knowledge(folder)
    return [str(fault) for fault in found.value.faults]


def test_the_shipped_folder_has_every_protocol_and_exercise(shipped: Knowledge) -> None:
    assert len(shipped.protocols) == 17
    assert len(shipped.exercises) == 76
    assert len(shipped.tags) == 16
    assert len(shipped.sources) == 171


def test_every_exercise_has_its_place_in_every_protocol(shipped: Knowledge) -> None:
    for protocol in shipped.protocols.values():
        assert set(protocol.first_weeks) == set(shipped.exercises), protocol.id


def test_clearance_and_never_have_no_week_and_the_others_do(shipped: Knowledge) -> None:
    for protocol in shipped.protocols.values():
        for cell in protocol.first_weeks.values():
            assert (cell.week is None) == (cell.permission in (Permission.CLEARANCE, Permission.NEVER))


def test_a_gap_between_phases_is_told_with_its_line(folder: Path) -> None:
    change(folder, "protocols/LUM_FUS.yaml", "{id: P2, from_week: 6,", "{id: P2, from_week: 7,")

    faults = faults_of(folder)

    assert any(fault.startswith("protocols/LUM_FUS.yaml:") and "leaves a gap" in fault for fault in faults)


def test_an_overdue_review_warns_and_does_not_stop(folder: Path) -> None:
    checked = check_knowledge(folder, None, date(2031, 1, 1))

    assert checked.knowledge is not None
    assert any("protocols/LUM_FUS.yaml" in warning.where for warning in checked.warnings)


def test_without_draft_knowledge_no_protocol_is_left() -> None:
    assert load_knowledge(CARDS, use_draft=False).protocols == {}
