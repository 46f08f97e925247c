"""Synthetic patient-view calls for measuring: one patient, five procedures, N Observations of 1.27 kB each.

A third of the Observations answer questions of our rules; the rest is what charts are full of. Nobody's data: all of it is
counted out here. The day asked about is fixed by the development extension, so that the bodies never age.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

ON = datetime(2026, 5, 12, 8, 0, tzinfo=UTC)
"""The day asked about; everything in a body lies before it."""
SIZES = (10, 100, 1000, 5000)
OBSERVATION_BYTES = 1270
_PATIENT = "measured-1"
_HOURS_BETWEEN = 3
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_EMPTY_KEYS = ("conditions", "medications", "serviceRequests", "carePlans", "goals")

# (category, LOINC, display, UCUM unit, lowest value, steps of a tenth that it varies by)
_ASKED = (
    ("vital-signs", "8310-5", "Body temperature", "Cel", 36.4, 6),
    ("vital-signs", "8867-4", "Heart rate", "/min", 66.0, 120),
    ("survey", "72514-3", "Pain severity - 0-10 verbal numeric rating", "{score}", 2.0, 2),
    ("laboratory", "1988-5", "C reactive protein [Mass/volume] in Serum or Plasma", "mg/L", 2.0, 30),
    ("vital-signs", "59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%", 96.0, 20),
    ("laboratory", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 12.4, 12),
    ("vital-signs", "85354-9", "Blood pressure panel with all children optional", "mm[Hg]", 118.0, 140),
    ("laboratory", "2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 92.0, 160),
    ("vital-signs", "9279-1", "Respiratory rate", "/min", 13.0, 30),
    ("laboratory", "6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 5.4, 25),
)
_OTHER = (
    ("laboratory", "2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 136.0, 70),
    ("laboratory", "2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 3.7, 10),
    ("laboratory", "2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", 99.0, 70),
    ("laboratory", "1963-8", "Bicarbonate [Moles/volume] in Serum or Plasma", "mmol/L", 23.0, 40),
    ("laboratory", "3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 11.0, 70),
    ("laboratory", "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.7, 4),
    ("laboratory", "17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", 8.9, 12),
    ("laboratory", "1742-6", "Alanine aminotransferase in Serum or Plasma", "U/L", 18.0, 200),
    ("laboratory", "1920-8", "Aspartate aminotransferase in Serum or Plasma", "U/L", 19.0, 180),
    ("laboratory", "1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL", 3.8, 8),
    ("laboratory", "787-2", "MCV [Entitic volume] by Automated count", "fL", 86.0, 80),
    ("laboratory", "785-6", "MCH [Entitic mass] by Automated count", "pg", 28.0, 40),
    ("laboratory", "786-4", "MCHC [Mass/volume] by Automated count", "g/dL", 33.0, 20),
    ("laboratory", "789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL", 4.2, 8),
    ("laboratory", "4544-3", "Hematocrit [Volume Fraction] of Blood", "%", 38.0, 60),
    ("laboratory", "713-8", "Eosinophils/100 leukocytes in Blood", "%", 1.0, 30),
    ("vital-signs", "29463-7", "Body weight", "kg", 71.0, 20),
    ("vital-signs", "8302-2", "Body height", "cm", 168.0, 0),
    ("social-history", "72166-2", "Tobacco smoking status", "", 0.0, 0),
    ("survey", "44261-6", "Patient Health Questionnaire 9 item total score", "{score}", 2.0, 40),
)
_PROCEDURES = (
    (45, "http://www.ama-assn.org/go/cpt", "22633", "Posterior and interbody fusion of one lumbar space", "TLIF L4-L5"),
    (45, "http://www.ama-assn.org/go/cpt", "22840", "Posterior instrumentation, one segment", "Pedicle screws L4-L5"),
    (900, "http://snomed.info/sct", "80146002", "Excision of appendix", "Laparoscopic appendectomy"),
    (1500, "http://snomed.info/sct", "73761001", "Colonoscopy", "Colonoscopy"),
    (2200, "http://snomed.info/sct", "110473004", "Cataract surgery", "Cataract surgery, left eye"),
)  # fmt: skip


@cache
def call_body(observations: int) -> bytes:
    """Give the body of a patient-view call with so many Observations, newest first, as EHRs send them."""
    prefetch: dict[str, Any] = {
        "patient": {
            "resourceType": "Patient",
            "id": _PATIENT,
            "name": [{"family": "Counted", "given": ["Out"]}],
            "gender": "female",
            "birthDate": "1967-09-03",
        },
        "procedures": _bundle([_procedure(number) for number in range(len(_PROCEDURES))]),
        "observations": _bundle([_observation(number) for number in range(observations)]),
    }
    prefetch |= {key: _bundle([]) for key in _EMPTY_KEYS}
    call = {
        "hook": "patient-view",
        "hookInstance": "7d3c1f5a-0b52-4c8e-9a64-0000000000aa",
        "context": {"userId": "Practitioner/surgeon-1", "patientId": _PATIENT, "encounterId": "visit-1"},
        "prefetch": prefetch,
        "extension": {"org.spine-cds.on": ON.date().isoformat()},
    }
    return json.dumps(call, separators=(",", ":")).encode()


def fhir_answers() -> dict[str, bytes]:
    """Give what a FHIR server holds of the same patient: resource type -> body of its answer."""
    prefetch = json.loads(call_body(100))["prefetch"]
    types = {
        "Patient": "patient",
        "Procedure": "procedures",
        "Observation": "observations",
        "Condition": "conditions",
        "MedicationRequest": "medications",
        "ServiceRequest": "serviceRequests",
        "CarePlan": "carePlans",
        "Goal": "goals",
    }
    return {kind: json.dumps(prefetch[key], separators=(",", ":")).encode() for kind, key in types.items()}


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": [
            {
                "fullUrl": f"https://ehr.example.org/fhir/{one['resourceType']}/{one['id']}",
                "resource": one,
                "search": {"mode": "match"},
            }
            for one in resources
        ],
    }


def _procedure(number: int) -> dict[str, Any]:
    days, system, code, display, text = _PROCEDURES[number]
    return _filled(
        {
            "resourceType": "Procedure",
            "id": f"procedure-{number}",
            "meta": _meta("us-core-procedure"),
            "status": "completed",
            "code": {"coding": [{"system": system, "code": code, "display": display}], "text": text},
            "subject": {"reference": f"Patient/{_PATIENT}"},
            "performedDateTime": (ON - timedelta(days=days)).date().isoformat(),
        }
    )


def _observation(number: int) -> dict[str, Any]:
    # Two of other kinds between one that is asked about, each list in its own turn.
    if number % 3 == 0:
        category, code, display, unit, lowest, spread = _ASKED[number // 3 % len(_ASKED)]
    else:
        category, code, display, unit, lowest, spread = _OTHER[(number - number // 3 - 1) % len(_OTHER)]
    taken = (ON - timedelta(hours=1 + number * _HOURS_BETWEEN)).isoformat()
    found = {
        "resourceType": "Observation",
        "id": f"observation-{number}",
        "meta": _meta("us-core-observation-lab" if category == "laboratory" else "us-core-vital-signs"),
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": category,
                        "display": category.replace("-", " ").title(),
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": display},
        "subject": {"reference": f"Patient/{_PATIENT}"},
        "encounter": {"reference": f"Encounter/visit-{number // 20}"},
        "effectiveDateTime": taken,
        "issued": taken,
        "performer": [{"reference": "Organization/laboratory-1", "display": "Central laboratory"}],
    }
    value = round(lowest + (number * 7 % (spread + 1)) / 10, 1)
    if code == "85354-9":
        found["component"] = [
            _component("8480-6", "Systolic blood pressure", value), _component("8462-4", "Diastolic blood pressure", 74.0),
        ]  # fmt: skip
    elif not unit:
        coding = {"system": "http://snomed.info/sct", "code": "266919005", "display": "Never smoked tobacco"}
        found["valueCodeableConcept"] = {"coding": [coding], "text": "Never smoker"}
    else:
        found["valueQuantity"] = _quantity(value, unit)
        found["referenceRange"] = [{"low": _quantity(lowest, unit), "high": _quantity(lowest + spread / 10, unit)}]
    return _filled(found)


def _component(code: str, display: str, value: float) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": _LOINC, "code": code, "display": display}], "text": display},
        "valueQuantity": _quantity(value, "mm[Hg]"),
    }


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": _UCUM, "code": unit}


def _meta(profile: str) -> dict[str, Any]:
    return {
        "versionId": "1",
        "lastUpdated": "2026-05-12T07:00:00.000+00:00",
        "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/{profile}"],
    }


def _filled(resource: dict[str, Any]) -> dict[str, Any]:
    """Add a narrative of the length that brings *resource* to 1.27 kB."""
    resource["text"] = {"status": "generated", "div": '<div xmlns=\\"http://www.w3.org/1999/xhtml\\"></div>'}
    lacking = OBSERVATION_BYTES - len(json.dumps(resource, separators=(",", ":")))
    words = "Recorded by the ward and sent on by the interface. " * (1 + max(lacking, 0) // 50)
    resource["text"]["div"] = f'<div xmlns="http://www.w3.org/1999/xhtml">{words[: max(lacking + 2, 0)]}</div>'
    return resource
