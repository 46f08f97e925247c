"""The fixtures are what their script says, are valid FHIR R4, and are listed with their day."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tools import make_fixtures

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fhir_fixtures"

INDEX = json.loads((FIXTURES / "index.json").read_text())
PATIENTS = {one["id"]: one for one in INDEX["patients"]}
CALLS = {one["id"]: one for one in INDEX["calls"]}


def _read(entry: dict) -> dict:
    return json.loads((FIXTURES / entry["file"]).read_text())


def test_the_files_are_those_that_the_script_writes() -> None:
    made = make_fixtures.files()

    there = {path.relative_to(FIXTURES).as_posix() for path in FIXTURES.rglob("*") if path.is_file()}
    assert there == set(made)
    for name, content in made.items():
        assert (FIXTURES / name).read_text() == content, f"{name}: run python tools/make_fixtures.py"


def test_there_is_a_story_for_everything_that_was_asked_for() -> None:
    assert len(PATIENTS) >= 16
    assert {_read(one)["hook"] for one in CALLS.values()} == {
        "patient-view", "encounter-start", "encounter-discharge", "order-select", "order-sign", "appointment-book",
    }  # fmt: skip


@pytest.mark.parametrize("entry", PATIENTS.values(), ids=PATIENTS)
def test_every_resource_of_a_patient_is_valid_and_about_that_patient(entry: dict) -> None:
    bundle = _read(entry)
    get_fhir_model_class("Bundle").model_validate(bundle)
    resources = [one["resource"] for one in bundle["entry"]]

    assert [one["id"] for one in resources if one["resourceType"] == "Patient"] == [entry["patient"]]
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        if resource["resourceType"] != "Patient":
            assert resource["subject"] == {"reference": f"Patient/{entry['patient']}"}
    assert len({(one["resourceType"], one["id"]) for one in resources}) == len(resources)


@pytest.mark.parametrize("entry", PATIENTS.values(), ids=PATIENTS)
def test_nothing_but_a_plan_lies_after_the_day_of_the_story(entry: dict) -> None:
    for one in _read(entry)["entry"]:
        resource = one["resource"]
        planned = resource["resourceType"] == "ServiceRequest" or resource.get("status") == "preparation"
        days = re.findall(r'"(\d{4}-\d{2}(?:-\d{2})?)[T"]', json.dumps(resource))
        assert planned or all(day <= entry["on"] for day in days), resource["id"]


@pytest.mark.parametrize("entry", CALLS.values(), ids=CALLS)
def test_a_call_carries_every_prefetch_key_with_a_searchset_or_a_resource(entry: dict) -> None:
    call = _read(entry)

    assert call["prefetch"]["patient"]["id"] == call["context"]["patientId"]
    for key, value in call["prefetch"].items():
        if key != "patient":
            assert (value["resourceType"], value["type"]) == ("Bundle", "searchset")
            assert value["total"] == len(value.get("entry", []))


def test_the_readme_names_every_file_with_its_day() -> None:
    readme = (FIXTURES / "README.md").read_text()

    for entry in (*PATIENTS.values(), *CALLS.values()):
        (line,) = [one for one in readme.splitlines() if f"| `{entry['file']}` |" in one]
        assert entry["on"] in line
        assert entry["shows"] in line
