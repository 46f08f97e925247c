"""The shipped folder loads, says what it is, and breaks loudly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeFaults
from cds_service.knowledge.load import check_knowledge, content_hash, load_knowledge, overdue
from cds_service.knowledge.model import Knowledge, Permission, Status
from tests.unit.knowledge.conftest import CARDS, Folder

Faulty = Callable[[str, str, str], list[str]]


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


def test_everything_shipped_is_draft_until_a_clinician_signs(shipped: Knowledge) -> None:
    assert {protocol.governance.status for protocol in shipped.protocols.values()} == {Status.DRAFT}


def test_all_faults_of_all_files_come_at_once(folder: Folder) -> None:
    folder.change("protocols/LUM_FUS.yaml", "fusion: yes", "fusion: perhaps")
    folder.change("protocols/SCS.yaml", "short: SC", "shortt: SC")
    folder.change("exercises.csv", "ankle_pumps,", "Ankle Pumps,")

    faults = folder.faults()

    assert any(fault.startswith("protocols/LUM_FUS.yaml:") for fault in faults)
    assert any(fault.startswith("protocols/SCS.yaml:") and "this key is not known here" in fault for fault in faults)
    assert any(fault.startswith("protocols/SCS.yaml:") and "this key is missing" in fault for fault in faults)
    assert any(fault.startswith("exercises.csv:") for fault in faults)


def test_a_missing_folder_is_said_and_not_taken_as_empty(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeFaults, match="there is no such folder"):
        load_knowledge(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["knowledge.yaml", "clinical_path.yaml", "tags.yaml", "sources.csv", "exercises.csv"])
def test_a_missing_file_is_named(folder: Folder, name: str) -> None:
    (folder.path / name).unlink()

    assert any(fault.startswith(f"{name}:1: the file is missing") for fault in folder.faults())


def test_a_folder_without_protocols_is_a_fault(folder: Folder) -> None:
    for file in (folder.path / "protocols").glob("*.yaml"):
        file.unlink()

    assert any(fault.startswith("protocols: no protocol here") for fault in folder.faults())


def test_one_changed_sign_changes_the_hash(folder: Folder) -> None:
    before = content_hash(folder.path)

    folder.change("protocols/LUM_FUS.yaml", "lift up to 2.3 kg", "lift up to 3.3 kg")

    assert content_hash(folder.path) != before


def test_a_file_that_is_not_knowledge_does_not_change_the_hash(folder: Folder) -> None:
    before = content_hash(folder.path)

    (folder.path / "notes.txt").write_text("for myself", encoding="utf-8")

    assert content_hash(folder.path) == before


def test_an_overdue_review_warns_and_does_not_stop() -> None:
    checked = check_knowledge(CARDS, None, date(2031, 1, 1))

    assert checked.knowledge is not None
    assert any("protocols/LUM_FUS.yaml" in warning.where for warning in checked.warnings)


def test_check_gives_the_faults_instead_of_raising(folder: Folder) -> None:
    folder.change("protocols/LUM_FUS.yaml", "{id: P2, from_week: 6,", "{id: P2, from_week: 7,")

    checked = check_knowledge(folder.path, None, date(2026, 1, 1))

    assert checked.knowledge is None
    assert [fault.where for fault in checked.faults][0].startswith("protocols/LUM_FUS.yaml:")
    assert checked.warnings == ()


def test_a_retired_protocol_is_not_used(folder: Folder) -> None:
    folder.change("protocols/LUM_TDR.yaml", "status: draft", "status: retired")

    assert "LUM_TDR" not in folder.load().protocols


def test_what_is_retired_is_never_overdue(shipped: Knowledge) -> None:
    table = replace(shipped.tables["exercises.csv"], status=Status.RETIRED)
    only = replace(shipped, protocols={}, rules=(), tables={"exercises.csv": table})

    assert overdue(only, date(2099, 1, 1)) == []
