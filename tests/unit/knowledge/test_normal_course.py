"""cards/normal_course.yaml: everything wrong in it is told, with file and line; it stays a picture, never a threshold."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.knowledge.normal_course import load_normal_course
from tests.builders import CARDS, knowledge


def load(folder: Path, faults: list):
    known = knowledge()
    return load_normal_course(folder, known.protocols, known.sources, known.measures, faults)


def test_our_own_file_is_read() -> None:
    faults: list = []

    read = load(CARDS, faults)

    assert faults == []
    assert {course.measure for course in read.courses} == {"crp"}
    assert ("LUM_DISC", ()) in [after for course in read.courses for after in course.after]


def test_computed_points_follow_from_peak_and_half_life() -> None:
    """The arithmetic that the file names: peak x 0.5 ^ (days after the peak / 2.6)."""
    courses = load(CARDS, []).courses

    for course in courses:
        peak_day, peak = max(course.points, key=lambda point: point[1])
        for day, value in course.points:
            if day > peak_day and value > 10:
                assert value == pytest.approx(peak * 0.5 ** ((day - peak_day) / 2.6), rel=0.06), (course.kind, day)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    faults: list = []

    assert load(tmp_path, faults).courses == ()
    assert "normal_course.yaml" in str(faults[0])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("measure: crp", "measure: crq", "crq in mg/L is not measured"),
        ("unit: mg/L", "unit: mg/dL", "crp in mg/dL is not measured"),
        ("sources: [R21, R49]", "sources: [R999]", "'R999' is no source we know"),
        ("surgery_type: LUM_DISC", "surgery_type: LUM_DISK", "'LUM_DISK' is no surgery type we know"),
        ("day: 2,", "day: two,", "not a whole number"),
        ("mark: V", "mark: X", "is no mark"),
        ("next_check: 2027-05-31", "next_check: soon", "is not a day"),
    ],
)
def test_each_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (CARDS / "normal_course.yaml").read_text()
    assert old in text
    (tmp_path / "normal_course.yaml").write_text(text.replace(old, new, 1))
    faults: list = []

    load(tmp_path, faults)

    assert any(says in str(fault) and "normal_course.yaml:" in str(fault) for fault in faults), faults
