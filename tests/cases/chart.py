"""From the plain words of a story to the FHIR Bundle that an EHR would have sent. Knows codes and units, no rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

SYSTEMS = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "icd9": "http://hl7.org/fhir/sid/icd-9-cm",
    "opcs4": "https://fhir.hl7.org.uk/Id/opcs-4",
    "snomed": "http://snomed.info/sct",
    "icd10": "http://hl7.org/fhir/sid/icd-10-cm",
    "loinc": "http://loinc.org",
    "atc": "http://www.whocc.no/atc",
    "local": "urn:oid:1.2.3.4.5",
}
MEASURES = {
    "temperature": "8310-5", "heart rate": "8867-4", "breathing rate": "9279-1", "oxygen": "59408-5",
    "systolic": "8480-6", "diastolic": "8462-4", "systolic lying": "8461-6", "systolic standing": "8460-8",
    "diastolic lying": "8455-8", "diastolic standing": "8454-1", "pain": "72514-3", "crp": "1988-5",
    "white cells": "6690-2", "lymphocytes": "731-0", "haemoglobin": "718-7", "platelets": "777-3", "inr": "6301-6",
    "glucose": "2345-7", "t-score": "38267-1", "femur density": "24701-5", "vitamin d": "1989-3", "odi": "97909-6",
    "steps": "41950-7", "bmi": "39156-5", "gestational age": "18185-9", "six-minute walk": "64098-7",
    "hba1c": "4548-4",
}  # fmt: skip
IN_WORDS = {
    "timed up and go": "Timed up and go", "residual urine": "Post-void residual volume", "ndi": "Neck disability index",
    "comi": "Core outcome measures index (COMI)", "five sit-to-stand": "Five times sit-to-stand",
    "ct density": "Vertebral CT attenuation (Hounsfield)",
}  # fmt: skip
"""Measures for which no code was verified: they are known by their words."""
_VALUE = re.compile(r"(?P<comparator><=|>=|<|>)?\s*(?P<number>-?\d+(?:\.\d+)?)\s*(?P<unit>\S.*)?")


class StoryFault(Exception):
    """A story says something that the reader of stories does not know."""


def bundle_of(story: Mapping[str, Any]) -> bytes:
    """Write the chart of *story* as a FHIR R4 Bundle."""
    resources = [_patient(story), *story.get("plus", ())]
    for kind, write in _WRITERS.items():
        for number, told in enumerate(story.get(kind) or (), start=1):
            resources.append(write(told, story["on"], f"{kind[:4]}-{number}") | _subject(kind))
    entries = [{"resource": one} for one in resources if one is not None]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def _subject(kind: str) -> dict[str, Any]:
    return {"subject": {"reference": "Patient/p"}}


def _patient(story: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(story.get("patient") or {})
    patient = {"resourceType": "Patient", "id": "p", "gender": told.pop("sex", "female")}
    age, born = told.pop("age", 57), told.pop("born", None)
    if born is not None:
        patient["birthDate"] = str(born)
    elif age != "unknown":
        on: date = story["on"]
        patient["birthDate"] = date(on.year - age, 1, 1).isoformat()
    _nothing_left(told, "patient")
    return patient


# ---- one kind of data after the other --------------------------------------------------------------------------------


def _operation(told: Mapping[str, Any], on: date, name: str) -> dict[str, Any]:
    told = dict(told)
    code = _concept(told)
    resource = {
        "resourceType": "Procedure",
        "id": told.pop("id", name),
        "status": told.pop("status", "completed"),
        "code": code,
    }
    if "when_text" in told:
        resource["performedString"] = told.pop("when_text")
    elif "period" in told:
        start, end = told.pop("period")
        resource["performedPeriod"] = {key: str(day) for key, day in (("start", start), ("end", end)) if day}
    else:
        day = _day(told, on, required=False)
        if day is not None:
            resource["performedDateTime"] = day
    if "site" in told:
        resource["bodySite"] = [_words_or_code(told.pop("site"))]
    if "note" in told:
        resource["note"] = [{"text": told.pop("note")}]
    if "reason" in told:
        resource["reasonCode"] = [_words_or_code(told.pop("reason"))]
    if "encounter" in told:
        resource["encounter"] = {"reference": f"Encounter/{told.pop('encounter')}"}
    if "part_of" in told:
        resource["partOf"] = [{"reference": f"Procedure/{told.pop('part_of')}"}]
    _nothing_left(told, "operations")
    return resource


def _condition(told: Mapping[str, Any], on: date, name: str) -> dict[str, Any]:
    told = dict(told)
    resource = {
        "resourceType": "Condition", "id": told.pop("id", name), "code": _concept(told),
        "clinicalStatus": _status("condition-clinical", told.pop("clinical", "active")),
        "verificationStatus": _status("condition-ver-status", told.pop("verification", "confirmed")),
    }  # fmt: skip
    if "recorded" in told:
        resource["recordedDate"] = str(told.pop("recorded"))
    day = str(told.pop("since")) if "since" in told else _day(told, on, required=False)
    if day is not None:
        resource["onsetDateTime"] = day
    if "ended" in told:
        resource["abatementDateTime"] = str(told.pop("ended"))
    if "site" in told:
        resource["bodySite"] = [_words_or_code(told.pop("site"))]
    if "note" in told:
        resource["note"] = [{"text": told.pop("note")}]
    _nothing_left(told, "conditions")
    return resource


def _observation(told: Mapping[str, Any] | str, on: date, name: str) -> dict[str, Any]:
    told = _spoken(told) if isinstance(told, str) else dict(told)
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": told.pop("id", name),
        "status": told.pop("status", "final"),
    }
    measure = next((key for key in told if key in MEASURES or key in IN_WORDS), None)
    if "finding" in told:
        resource["code"] = _words_or_code(told.pop("finding"))
        value = told.pop("value", True)
        resource |= (
            {"valueBoolean": value} if isinstance(value, bool) else {"valueCodeableConcept": _words_or_code(value)}
        )
    elif measure is not None:
        said = told.pop(measure)
        resource["code"] = _measure_code(measure, told)
        resource |= _value(said)
    else:
        raise StoryFault(f"an observation needs a measure ({', '.join((*MEASURES, *IN_WORDS))}) or a finding")
    resource["effectiveDateTime"] = _day(told, on, required=True)
    if "site" in told:
        resource["bodySite"] = _words_or_code(told.pop("site"))
    if "note" in told:
        resource["note"] = [{"text": told.pop("note")}]
    _nothing_left(told, "observations")
    return {key: value for key, value in resource.items() if value is not None}


def _spoken(said: str) -> dict[str, Any]:
    """`temperature 38.2 Cel` and `temperature 38.2 Cel, 2 days ago`."""
    text, _, ago = said.partition(",")
    measure = max((one for one in (*MEASURES, *IN_WORDS) if text.startswith(one + " ")), key=len, default=None)
    if measure is None:
        raise StoryFault(f"no measure known in {said!r}")
    told: dict[str, Any] = {measure: text[len(measure) :].strip()}
    if ago:
        number, word, tail = ago.split()
        if word not in ("day", "days") or tail != "ago":
            raise StoryFault(f"{said!r}: write 'N days ago'")
        told["days"] = int(number)
    return told


def _measure_code(measure: str, told: dict[str, Any]) -> dict[str, Any]:
    words = told.pop("text", None)
    if measure in IN_WORDS:
        return {"text": words or IN_WORDS[measure]}
    code = {"coding": [{"system": SYSTEMS["loinc"], "code": str(told.pop("loinc", MEASURES[measure]))}]}
    return code | ({"text": words} if words else {})


def _value(said: Any) -> dict[str, Any]:
    if said == "missing":
        return {"dataAbsentReason": {"text": "not performed"}}
    match = _VALUE.fullmatch(str(said))
    if match is None:
        return {"valueString": str(said)}
    quantity: dict[str, Any] = {"value": float(match["number"])}
    if match["comparator"]:
        quantity["comparator"] = match["comparator"]
    if match["unit"]:
        quantity["unit"] = match["unit"]
    return {"valueQuantity": quantity}


def _medicine(told: Mapping[str, Any], on: date, name: str) -> dict[str, Any]:
    told = dict(told)
    resource = {
        "resourceType": "MedicationRequest", "id": told.pop("id", name), "status": told.pop("status", "active"),
        "intent": told.pop("intent", "order"), "medicationCodeableConcept": _concept(told),
    }  # fmt: skip
    day = _day(told, on, required=False)
    if day is not None:
        resource["authoredOn"] = day
    _nothing_left(told, "medicines")
    return resource


def _instruction(told: str, on: date, name: str) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest", "id": name, "status": "active", "intent": "order",
        "code": {"text": "Instruction after surgery"}, "note": [{"text": told}],
    }  # fmt: skip


_WRITERS = {
    "operations": _operation, "conditions": _condition, "observations": _observation, "medicines": _medicine,
    "instructions": _instruction,
}  # fmt: skip


# ---- codes, words, days ----------------------------------------------------------------------------------------------


def _concept(told: dict[str, Any]) -> dict[str, Any]:
    codes = list(told.pop("codes", ()))
    if "code" in told:
        codes.append(told.pop("code"))
    concept: dict[str, Any] = {}
    if codes:
        concept["coding"] = [_coding(one) for one in codes]
    if "text" in told:
        concept["text"] = told.pop("text")
    return concept


def _coding(said: str) -> dict[str, str]:
    """`cpt 22633` or `cpt 22633 its display`."""
    system, _, rest = str(said).partition(" ")
    code, _, display = rest.partition(" ")
    if system not in SYSTEMS or not code:
        raise StoryFault(f"{said!r}: write a code as 'cpt 22633'; systems: {', '.join(SYSTEMS)}")
    return {"system": SYSTEMS[system], "code": code} | ({"display": display} if display else {})


def _words_or_code(said: str) -> dict[str, Any]:
    return {"coding": [_coding(said)]} if str(said).split()[0] in SYSTEMS else {"text": str(said)}


def _day(told: dict[str, Any], on: date, *, required: bool) -> str | None:
    """A day as `days` or `weeks` before the day asked about, or as a `date` as it stands in the chart."""
    if "date" in told:
        return str(told.pop("date"))
    ago = told.pop("weeks") * 7 if "weeks" in told else told.pop("days", 0 if required else None)
    day = None if ago is None else (on - timedelta(days=ago)).isoformat()
    time = told.pop("time", None)
    return f"{day}T{time}" if time and day else day


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def _nothing_left(told: Mapping[str, Any], kind: str) -> None:
    if told:
        raise StoryFault(f"{kind}: no such key: {', '.join(told)}")


def known_measures() -> Iterator[str]:
    yield from (*MEASURES, *IN_WORDS)
