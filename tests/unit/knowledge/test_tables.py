"""The tables: exercises, tags, sources, the clinical path and the notes. A cell that says nothing is a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.csv_text import read_csv_table
from cds_service.knowledge.model import Dosing, Knowledge, Mark, Span
from tests.unit.knowledge.conftest import Folder

Faulty = Callable[[str, str, str], list[str]]
UNIVERSAL = {
    "diaphragmatic_breathing", "deep_breathing_expansion", "ankle_pumps", "ankle_circles", "quad_sets", "glute_sets",
    "relaxation", "log_roll", "sit_to_stand", "neutral_spine_posture", "walking_short", "stairs_practice",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("exercises.csv", "ankle_pumps,Ankle pumps,circulation", "Ankle,Ankle pumps,circulation", "id 'Ankle'"),
        ("exercises.csv", "ankle_pumps,Ankle pumps,circulation", "ankle_pumps,Ankle pumps,pumping", "category 'pumping'"),
        ("exercises.csv", "ankle_pumps,Ankle pumps,", "ankle_pumps,,", "the cell 'name' says nothing"),
        ("exercises.csv", ",none,P02; P37; P44", ",perhaps,P02; P37; P44", "snomed_fit 'perhaps'"),
        ("exercises.csv", ",none,P02; P37; P44", ",exact,P02; P37; P44", "do not fit together"),
        ("exercises.csv", "229809001,Diaphragmatic breathing practice", "229809001,", "a code without a term"),
        ("exercises.csv", ",none,P02; P37; P44", ",none,", "no source"),
        ("exercises.csv", ",none,P02; P37; P44", ",none,P02; P00; P44", "'P00' is no source we know"),
        ("exercises.csv", ",D,,10,5,,3,,no", ",Q,,10,5,,3,,no", "dose_mark 'Q'"),
        ("exercises.csv", ",D,,10,5,,3,,no", ",D,,10,5,,3,,maybe", "each_side 'maybe'"),
        ("exercises.csv", ",D,,10,5,,3,,no", ",D,,ten,5,,3,,no", "reps 'ten'"),
        ("exercises.csv", ",D,,10,5,,3,,no", ",D,,10-5,5,,3,,no", "reps '10-5'"),
        ("exercises.csv", "id,name,category", "id,category,name", "the columns differ"),
        ("exercises.csv", "id,name,category", "id,titel,category", "missing: name; not known: titel"),
        ("exercises.csv", "ankle_pumps,Ankle pumps,circulation", "ankle_pumps,circulation", "24 cells"),
        ("exercises.csv", "\nankle_pumps,", "\n,", "the cell 'id' is empty"),
        ("exercises.csv", "\nankle_pumps,", "\nankle_circles,", "stands here twice"),
        ("exercises.csv", "\nankle_pumps,", '\n"ankle"x,', "cannot be read as CSV"),
        ("tags.yaml", "      - jogging\n", "      - joging\n", "'joging' is no exercise we know"),
        ("tags.yaml", "      - jogging\n", "      - jogging\n      - jogging\n", "twice"),
        ("tags.yaml", "means: in water", "mean: in water", "this key is not known here"),
        ("sources.csv", ",C,yes,seen,\"early", ",D,yes,seen,\"early", "grade 'D'"),
        ("sources.csv", ",C,yes,seen,\"early", ",C,perhaps,seen,\"early", "citable 'perhaps'"),
        ("sources.csv", ",C,yes,seen,\"early", ",C,yes,,\"early", "the cell 'status' is empty"),
        ("sources.csv", "https://penrosept.com/?p=256", "penrosept.com", "url 'penrosept.com'"),
        ("clinical_path.yaml", "max_cards:", "maximum_cards:", "the number 'max_cards' is missing"),
        ("clinical_path.yaml", "value: 3\n    unit: cards", "value: 3\n    unit: pages", "the unit of 'max_cards' is 'pages'"),
        ("clinical_path.yaml", "value: 3\n    unit: cards", "value: 4\n    unit: cards", "at most 3"),
        ("clinical_path.yaml", "    unit: cards\n", "", "this key is missing"),
        ("clinical_path.yaml", "sources: [E28, E29, E30]", "sources: [E28, E29, X30]", "'X30' is no source we know"),
        ("clinical_path.yaml", "sources: [P24, P31, P28]", "sources: [P24, P31, P0]", "'P0' is no source we know"),
        ("knowledge.yaml", 'version: "2026.1"', 'version: "first"', "version 'first'"),
        ("knowledge.yaml", "  sources.csv:", "  bibliography.csv:", "there is no bibliography.csv"),
        ("knowledge.yaml", "licence:", "license:", "this key is not known here"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_file_and_line(faulty: Faulty, name: str, before: str, after: str, said: str) -> None:
    faults = faulty(name, before, after)

    assert any(said in fault and fault.startswith(f"{name}:") for fault in faults), faults


def test_the_universal_set_is_the_twelve(shipped: Knowledge) -> None:
    assert {key for key, exercise in shipped.exercises.items() if exercise.universal} == UNIVERSAL


def test_who_may_fall_does_these_not_alone(shipped: Knowledge) -> None:
    assert {key for key, exercise in shipped.exercises.items() if exercise.not_alone} == {
        "sit_to_stand", "stairs_practice", "step_ups", "standing_hip_strength", "heel_raises", "mini_lunge",
        "single_leg_stance", "tandem_balance",
    }  # fmt: skip


def test_a_dose_is_countable_where_it_says_numbers(shipped: Knowledge) -> None:
    assert shipped.exercises["dead_bug"].dosing == Dosing(
        sets=Span(2, 3), reps=Span(8, 8), days_per_week=Span(3, 4), each_side=True
    )
    assert shipped.exercises["walking_short"].dosing.times_per_day == Span(4, None)
    assert shipped.exercises["log_roll"].dosing == Dosing()


def test_a_span_is_written_as_the_table_writes_it() -> None:
    assert [str(span) for span in (Span(8, 12), Span(10, 10), Span(4, None))] == ["8-12", "10", "4+"]


def test_exercises_know_their_tags(shipped: Knowledge) -> None:
    assert shipped.exercises["contact_sport"].tags == {"impact", "sport"}


@pytest.mark.parametrize("key", ["O12", "R48", "P26", "E18", "C10", "E28", "E03"])
def test_a_source_nobody_verified_is_not_citable(shipped: Knowledge, key: str) -> None:
    assert not shipped.sources[key].citable


def test_a_source_that_was_seen_is_citable_and_opens(shipped: Knowledge) -> None:
    source = shipped.sources["E12"]

    assert source.citable
    assert source.url == "https://link.springer.com/article/10.1007%2Fs00586-016-4821-9"


def test_numbers_come_with_unit_and_mark(shipped: Knowledge) -> None:
    assert shipped.settings["staged_fusion_days"] == 14
    note = shipped.setting_notes["staged_fusion_days"]
    assert (note.unit, note.mark) == ("days", Mark.D)


def test_empty_lines_of_a_table_are_passed_over(folder: Folder) -> None:
    folder.change("sources.csv", "\nP01,", "\n\n,,,,,,,,,\nP01,")

    assert "P01" in folder.load().sources


def test_a_table_that_is_not_utf8_says_so(folder: Folder) -> None:
    file = folder.path / "sources.csv"
    file.write_bytes(file.read_bytes().replace(b"D. Sharma", b"D. Sh\xe4rma"))

    assert any("sources.csv:1: not UTF-8" in fault for fault in folder.faults())


def test_a_protocol_that_is_not_utf8_says_so(folder: Folder) -> None:
    file = folder.path / "protocols" / "SCS.yaml"
    file.write_bytes(file.read_bytes() + b"# \xe4\n")

    assert any("protocols/SCS.yaml:1: not UTF-8" in fault for fault in folder.faults())


def test_an_empty_table_lacks_its_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("", encoding="utf-8")
    faults: list[Fault] = []

    assert read_csv_table(tmp_path / "t.csv", "t.csv", ("id", "name"), "id", faults) == ()
    assert faults[0].what == "the columns differ; missing: id, name"
