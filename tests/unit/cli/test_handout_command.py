"""`spine-cds handout`: from a week, or from one patient's record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli.main import main

PATIENTS = Path(__file__).parents[3] / "fhir_fixtures" / "patients"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["handout", *arguments])


def of_patient(name: str, *arguments: str) -> Result:
    return run("--bundle", str(PATIENTS / f"{name}.json"), "--on", DAYS[name], *arguments)


DAYS = {
    one["id"]: one["on"] for one in json.loads((PATIENTS.parent / "index.json").read_text(encoding="utf-8"))["patients"]
}
PRINTED = {
    "lumbar_fusion_week_6",
    "lumbar_fusion_week_3",
    "lumbar_discectomy_week_3",
    "lumbar_laminectomy_week_8",
    "acdf_week_9",
}


def test_a_sheet_is_written_from_a_week_alone(tmp_path: Path) -> None:
    done = run("--surgery", "LUM_FUS", "--week", "6", "--language", "es", "--output", str(tmp_path / "sheet.html"))

    assert done.exit_code == 0 and "week 6 after LUM_FUS, es" in done.output
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert '<html lang="es">' in page and "<style>" in page


def test_without_a_file_the_page_goes_to_standard_output() -> None:
    done = run("--surgery", "LUM_FUS", "--week", "6", "--exercise", "bridge", "--exercise", "clamshell")

    assert done.exit_code == 0 and done.output.count("<svg") == 2


def test_an_exercise_too_early_is_an_input_fault() -> None:
    done = run("--surgery", "LUM_FUS", "--week", "1", "--exercise", "bridge")

    assert done.exit_code == 3 and "begins in week 6" in done.output


@pytest.mark.parametrize("arguments", [(), ("--surgery", "LUM_FUS"), ("--week", "6")])
def test_too_little_to_go_by_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_record_gives_its_own_programme(name: str) -> None:
    done = of_patient(name)

    assert done.exit_code == 0 and done.output.count("<svg") >= 4


@pytest.mark.parametrize("name", sorted(DAYS))
def test_no_sheet_repeats_anything_of_the_record(name: str) -> None:
    record = json.loads((PATIENTS / f"{name}.json").read_text(encoding="utf-8"))
    patient = next((one["resource"] for one in record["entry"] if one["resource"]["resourceType"] == "Patient"), {})
    told = of_patient(name).output

    for given in patient.get("name", ()):
        assert given["family"] not in told
    assert patient.get("birthDate", "no birth date") not in told and patient.get("id", "no id") not in told


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("cauda_equina", "an alert stands"),
        ("fever_wound_infection", "an alert stands"),
        ("knee_replacement", "no spine operation"),
        ("planned_fusion", "no spine operation"),
        ("text_only", "recorded as text only"),
        ("no_date", "no sheet for this patient"),
        ("two_operations", "no sheet for this patient"),
        ("old_operation", "no sheet for this patient"),
    ],
)
def test_where_no_programme_may_be_ordered_no_sheet_is_printed(name: str, because: str) -> None:
    done = of_patient(name)

    assert done.exit_code == 3 and because in done.output and "<html" not in done.output


def test_what_is_held_back_for_this_patient_cannot_be_asked_for() -> None:
    done = of_patient("lumbar_fusion_week_6", "--exercise", "bridge", "--exercise", "gym_resistance")

    assert done.exit_code == 3 and "gym_resistance is held back for this patient" in done.output
    assert of_patient("lumbar_fusion_week_6", "--exercise", "bridge").output.count("<svg") == 1


def test_type_and_week_must_be_those_of_the_record() -> None:
    done = of_patient("lumbar_fusion_week_6", "--surgery", "LUM_DISC", "--week", "12")

    assert done.exit_code == 3
    assert "the record says LUM_FUS" in done.output and "the record counts week 6" in done.output


def test_a_bundle_needs_its_day() -> None:
    assert run("--bundle", str(PATIENTS / "acdf_week_9.json")).exit_code == 2
