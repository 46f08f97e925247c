"""Public FHIR data and recorded calls of the reference client, read where they lie beside the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cds_service.intake.prefetch import State, gather
from cds_service.intake.read import read_bundle, read_drafts, read_procedure, read_record

SHARED = Path(os.environ.get("SPINE_CDS_SHARED", Path(__file__).parents[3].parent / "shared"))
SAMPLES, RECORDINGS = SHARED / "fhir_samples", SHARED / "clients" / "reference-sandbox"

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason=f"no shared samples at {SHARED.name}; set SPINE_CDS_SHARED"
)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("ahrq_pain_brenda_jackson_R4.json", (5, 21, 4, 33)),
        ("synthea_R4_2019_Clemente.json", (1, 48, 1, 0)),
        ("synthea_R4_2019_Edward.json", (3, 32, 4, 3)),
        ("synthea_R4_2019_Stanley.json", (1, 47, 3, 1)),
    ],
)
def test_a_public_chart_is_read_whole(name: str, counts: tuple[int, ...]) -> None:
    record = read_bundle((SAMPLES / name).read_bytes())

    assert record.patient is not None and record.unreadable == ()
    kinds = (record.procedures, record.observations, record.conditions, record.medications)
    assert tuple(len(kind or ()) for kind in kinds) == counts
    assert all(one.code.words for one in record.observations.all())  # type: ignore[union-attr]
    assert all(one.performed and one.performed.latest for one in record.procedures or ())


def test_public_observations_with_odd_units_are_all_read() -> None:
    bundle = json.loads((SAMPLES / "qicore2025_tests_observations_distinct.json").read_bytes())
    for entry in bundle["entry"]:
        entry["resource"]["subject"] = {"reference": "Patient/p1"}

    record = read_record({"observations": [json.dumps(bundle).encode()]}, patient_id="p1")

    assert len(bundle["entry"]) == 124 and record.unreadable == ()
    assert len(record.observations.all()) == len(tuple(record.observations.all())) == 123, "one stands there twice"  # type: ignore[union-attr]


def test_a_collection_of_many_patients_is_not_taken_for_one() -> None:
    record = read_bundle((SAMPLES / "qicore2025_tests_procedures_icd10pcs.json").read_bytes())

    assert len(record.procedures or ()) == 1 and len(record.unreadable) == 42
    assert {one.what for one in record.unreadable} == {"of another patient; left out"}


@pytest.mark.parametrize("name", ["synthea_bulk10_Procedure.ndjson"])
def test_each_line_of_a_bulk_export_is_a_procedure(name: str) -> None:
    lines = (SAMPLES / name).read_bytes().splitlines()

    read = [read_procedure(line) for line in lines]

    assert len(read) == 2056 and all(one.code.keys and one.performed and one.performed.latest for one in read)


def recordings() -> list[Path]:
    return sorted(RECORDINGS.glob("*--post-service*.json")) if RECORDINGS.is_dir() else []


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.stem)
def test_a_recorded_call_of_the_reference_client_is_understood(path: Path) -> None:
    call = json.loads(path.read_bytes())["body"]
    prefetch = {key: json.dumps(value).encode() for key, value in call["prefetch"].items()}

    found = gather(
        prefetch | {"observations": prefetch["a1c"], "procedures": b"null"},
        needs={"observations", "procedures"},
        context=call["context"],
        server=None,
        seconds=1,
    )
    record = read_record(found.pages, patient_id=call["context"]["patientId"], gaps=found.gaps)
    drafts = read_drafts(call["context"].get("draftOrders"), patient_id=call["context"]["patientId"])

    assert [report.state for report in found.reports] == [State.SUPPLIED, State.NULL, State.SUPPLIED]
    assert record.patient is not None and record.unreadable == drafts.unreadable == ()
    if len(record.observations or ()):
        assert found.gaps[0][1].startswith("not complete, more pages exist")
    assert len(drafts.orders) == len(call["context"].get("draftOrders", {}).get("entry", []))
