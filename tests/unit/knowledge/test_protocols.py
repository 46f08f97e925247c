"""A protocol file that does not hold together is refused, each fault with file, line and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cds_service.knowledge.model import Knowledge

Faulty = Callable[[str, str, str], list[str]]
LF = "protocols/LUM_FUS.yaml"


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        (LF, "{id: P2, from_week: 6,", "{id: P2, from_week: 7,", "leaves a gap"),
        (LF, "{id: P2, from_week: 6,", "{id: P2, from_week: 5,", "overlaps the one before"),
        (LF, "{id: P1, from_week: 0, to_week: 6,", "{id: P1, from_week: 6, to_week: 6,", "ends before it begins"),
        (LF, "{id: P5, from_week: 52,", "{id: P5, from_week: 52, to_week: 60,", "nothing is said from week 60 on"),
        (LF, "{id: P4, from_week: 26, to_week: 52,", "{id: P4, from_week: 26,", "comes after an interval without an end"),
        (LF, "{id: P2, from_week: 6,", "{id: P1, from_week: 6,", "'P1' stands here twice"),
        (LF, "id: LUM_FUS", "id: LUM_FUSION", "in the file LUM_FUS.yaml"),
        (LF, "- from_week: 8\n", "- from_week: 6\n", "week 6 stands here twice"),
        (LF, "hip_hinge]", "hip_hing]", "'hip_hing' is no exercise we know"),
        (LF, "hip_hinge]", "hip_hinge, hip_hinge]", "'hip_hinge' has two places"),
        (LF, ", upper_trap_stretch]", "]", "no first week for upper_trap_stretch"),
        (LF, "sources: [P03]", "sources: [P99]", "'P99' is no source we know"),
        (LF, "    sources: [P30, P31]\n", "", "marked V, but no source is named"),
        (LF, "week: 12, mark", "week: 13, mark", "the gate stands at week 13"),
        (LF, "to_phase: P2, week: 6", "to_phase: P9, week: 6", "'P9' is no phase we know"),
        (LF, "topic_term: Lumbar spinal fusion\n", "", "a code without a term"),
        (LF, "agree_first: no", "agree_first: yes", "agree_first: yes without a reason"),
        (LF, "mark: D\n  weeks:", "mark: X\n  weeks:", "'X' is no mark"),
        (LF, "\nphases:", "\nphasen:", "known keys:"),
        (LF, "fusion: yes", "fusion: ja", "write yes or no"),
        (LF, "from_week: 16\n", "from_week: sixteen\n", "is not a whole number"),
        (LF, "next_check: 2027-05-31", "next_check: soon", "is not a day"),
        (LF, "written_by: Spine CDS authors", "written_by: n/a", "'n/a' says nothing"),
        (LF, "status: draft", "status: final", "Must be one of"),
        (LF, "status: draft", "status: active", "status is active, but nobody has checked it"),
        (LF, "checked_by: nobody yet", "checked_by: Dr A. Example", "do not fit together"),
        (LF, "checked_by: nobody yet\nchecked_on: not yet", "checked_by: Dr A.\nchecked_on: 2028-01-01", "not after checked_on"),
        (LF, "defer:\n", "defer: none\nrest:\n", "expected a list"),
        (LF, "short: LF", "short: [LF]", "expected text"),
        (LF, "short: LF", "short: LF\nshort: LF", "stands here twice"),
        (LF, "id: LUM_FUS", "id: [LUM_FUS", "cannot be read as YAML"),
        (LF, "first_weeks:\n  mark: D", "first_weeks:\n  - mark: D", "cannot be read as YAML"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_file_and_line(faulty: Faulty, name: str, before: str, after: str, said: str) -> None:
    faults = faulty(name, before, after)

    assert any(said in fault and fault.startswith(f"{name}:") for fault in faults), faults


def test_an_empty_file_says_which_keys_it_wants(folder) -> None:  # type: ignore[no-untyped-def]
    (folder.path / LF).write_text("", encoding="utf-8")

    assert any(fault.startswith(f"{LF}:1: phases: this key is missing") for fault in folder.faults())


def test_the_line_of_a_fault_is_the_line_in_the_file(folder) -> None:  # type: ignore[no-untyped-def]
    folder.change(LF, "fusion: yes", "fusion: ja")
    line = (folder.path / LF).read_text(encoding="utf-8").splitlines().index("fusion: ja") + 1

    assert any(fault.startswith(f"{LF}:{line}: fusion") for fault in folder.faults())


def test_a_near_miss_is_helped(faulty: Faulty) -> None:
    faults = faulty(LF, "hip_hinge]", "hip_hing]")

    assert any("did you mean hip_flexor_stretch, hip_hinge?" in fault for fault in faults)


def test_a_restriction_speaks_in_its_weeks_and_is_quiet_after(shipped: Knowledge) -> None:
    lifting = {one.topic: one for one in shipped.protocols["LUM_FUS"].restrictions}["Lifting"]

    assert [lifting.at(week) for week in (0, 5, 6, 11, 12, 25, 26)] == [
        "lift up to 2.3 kg (5 lb)",
        "lift up to 2.3 kg (5 lb)",
        "lift up to 4.5 kg (10 lb)",
        "lift up to 4.5 kg (10 lb)",
        "lift up to 9 kg (20 lb), after imaging",
        "lift up to 9 kg (20 lb), after imaging",
        None,
    ]


def test_types_left_to_the_surgeon_say_why(shipped: Knowledge) -> None:
    agreed = {key for key, protocol in shipped.protocols.items() if protocol.agree_first}

    assert agreed == {"DEF_ADULT", "DEF_PED", "THX_FUS", "HW_REM", "TUMOUR", "UNKNOWN_SPINE"}
    assert all(shipped.protocols[key].agree_first_why for key in agreed)


def test_a_phase_covers_its_weeks_and_not_the_next(shipped: Knowledge) -> None:
    protocol = shipped.protocols["LUM_DISC"]

    assert [protocol.phase_at(week).id for week in (0, 1, 2, 5, 6, 25, 26, 400)] == [  # type: ignore[union-attr]
        "P1", "P1", "P2", "P2", "P3", "P4", "P5", "P5",
    ]  # fmt: skip
