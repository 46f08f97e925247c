"""check, diff, simulate and reference as a clinician types them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.knowledge_commands import check, diff, reference, simulate_weeks
from cds_service.knowledge.load import Checked, load_knowledge

CARDS = Path(__file__).parents[3] / "cards"
OVERLAY = """\
name: Example Hospital
status: active
written_by: B. Example
checked_by: Dr A. Example
checked_on: 2026-02-12
next_check: 2027-02-12
changes:
  - {protocol: LUM_FUS, exercise: bridge, from_week: 8}
  - {protocol: LUM_FUS, exercise: dead_bug, from_week: 10, approved_by: Dr A. Example, reason: own series}
"""


def run(command, *arguments: object) -> Result:  # type: ignore[no-untyped-def]
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A copy of the shipped folder with one first week moved."""
    shutil.copytree(CARDS, tmp_path / "cards")
    file = tmp_path / "cards" / "protocols" / "LUM_FUS.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("from_week: 16\n", "from_week: 20\n"), encoding="utf-8")
    return tmp_path / "cards"


def test_check_of_a_good_folder_says_that_it_can_be_used() -> None:
    result = run(check, CARDS, "--on", "2026-06-01")

    assert result.exit_code == 0
    assert "can be used: 17 protocols (17 draft), 76 exercises" in result.output


def test_check_without_a_folder_takes_the_one_of_the_settings() -> None:
    assert "knowledge 2026.1" in run(check).output


def test_check_tells_every_fault_and_ends_with_the_code_for_knowledge(other: Path) -> None:
    for name in ("LUM_FUS", "SCS"):
        file = other / "protocols" / f"{name}.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("fusion:", "fussion:"), encoding="utf-8")

    result = run(check, other)

    assert result.exit_code == 4
    assert "fault: protocols/LUM_FUS.yaml:" in result.output
    assert "fault: protocols/SCS.yaml:" in result.output
    assert "this folder cannot be used" in result.output


def test_check_holds_the_orders_that_the_files_make_against_fhir(monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = load_knowledge(CARDS)
    content = knowledge.order_content
    broken = tuple(
        replace(target, unit="min  d") for target in content.targets
    )  # a FHIR code has no two blanks in a row
    other = replace(knowledge, order_content=replace(content, targets=broken))
    monkeypatch.setattr("cds_service.cli.knowledge_commands.check_knowledge", lambda *given: Checked(other, (), ()))

    result = run(check, CARDS)

    assert result.exit_code == 4
    assert "fault: orders of " in result.output and ": Goal." in result.output
    assert "this folder cannot be used" in result.output


def test_check_warns_of_an_overdue_review_and_is_content_unless_strict() -> None:
    lenient, strict = run(check, CARDS, "--on", "2031-01-01"), run(check, CARDS, "--on", "2031-01-01", "--strict")

    assert (lenient.exit_code, strict.exit_code) == (0, 4)
    assert "warning: protocols/LUM_FUS.yaml: the review was due on 2027-05-31" in lenient.output


def test_check_shows_what_an_overlay_does_differently(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").write_text(OVERLAY, encoding="utf-8")

    result = run(check, CARDS, "--overlay", tmp_path, "--on", "2026-06-01")

    assert "laid over it: Example Hospital" in result.output
    assert (
        "stricter: Operation that joins bones of the low back: first week of Bridge: from week 8, ours is from week 6"
        in (result.output)
    )
    assert "(approved by Dr A. Example: own series)" in result.output


def test_diff_tells_the_change_in_clinical_words(other: Path) -> None:
    result = run(diff, CARDS, other)

    assert "stricter: Elliptical trainer: from week 20 (was: from week 16)" in result.output
    assert "2 changes, 0 of them looser than before" in result.output


def test_diff_of_the_same_folder_is_no_change() -> None:
    assert run(diff, CARDS, CARDS).output == "no change for patients\n"


def test_reference_writes_the_site(tmp_path: Path) -> None:
    result = run(reference, tmp_path / "site", "--cards", CARDS)

    assert result.exit_code == 0
    assert (tmp_path / "site" / "index.html").exists()
    assert "begin with" in result.output


def test_a_faulty_folder_is_not_rendered(tmp_path: Path) -> None:
    assert run(reference, tmp_path / "site", "--cards", tmp_path).exit_code == 4


def test_simulate_prints_what_changes_from_week_to_week() -> None:
    result = run(simulate_weeks, "--surgery", "LUM_FUS", "--weeks", "5..8", "--with", "osteoporosis", "--cards", CARDS)

    assert result.exit_code == 0
    assert "LUM_FUS, knowledge 2026.1, with osteoporosis" in result.output
    assert "week 5 (P1)" in result.output
    assert "week 7" not in result.output
    assert "new supervised: recumbent_bike" in result.output
    assert "alert RF29" in result.output


def test_simulate_tells_what_is_gone_and_by_how_much_the_ladder_is_shifted() -> None:
    result = run(
        simulate_weeks, "--surgery", "LUM_FUS", "--weeks", "10", "--with", "three_or_four_levels", "--cards", CARDS
    )

    assert "week 10 (P2, counts as week 6)" in result.output


def test_simulate_can_print_the_whole_list_every_week() -> None:
    result = run(simulate_weeks, "--surgery", "TUMOUR", "--weeks", "0..2", "--full", "--cards", CARDS)

    assert result.output.count("list supervised: none") == 3


def test_simulate_tells_what_goes() -> None:
    result = run(simulate_weeks, "--surgery", "LUM_FUS", "--weeks", "11..12", "--with", "RF26", "--cards", CARDS)

    assert "gone: biceps_triceps_light, band_rows" in result.output
    assert "alert RF26" in result.output


@pytest.mark.parametrize("weeks", ["soon", "9..3"])
def test_simulate_refuses_weeks_it_cannot_read(weeks: str) -> None:
    result = run(simulate_weeks, "--surgery", "LUM_FUS", "--weeks", weeks, "--cards", CARDS)

    assert result.exit_code == 2
    assert "write a week (6) or a range (0..60)" in result.output


def test_simulate_of_an_unknown_operation_is_a_fault_of_the_input() -> None:
    assert run(simulate_weeks, "--surgery", "LUM_FUSION", "--cards", CARDS).exit_code == 3
