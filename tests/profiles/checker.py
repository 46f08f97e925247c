"""The rules of the profiles that our orders claim, as a table: profile, rule in words, and the test of it.

Read from the HL7 US Physical Activity guide (input/fsh/Planning.fsh, 1.0.0), US Core 3.1.1, PACIO Personal Functioning
and Engagement 1.0.0, Person-Centred Outcomes 1.0.0 and CPG-on-FHIR 2.0.0. It shares no code with orders/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]
Rule = tuple[str, Callable[[Resource], bool]]

PA = "http://hl7.org/fhir/us/physical-activity/StructureDefinition/"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
PFE = "http://hl7.org/fhir/us/pacio-pfe/StructureDefinition/"
CPG = "http://hl7.org/fhir/uv/cpg/StructureDefinition/"
PA_CODES = "http://hl7.org/fhir/us/physical-activity/CodeSystem/pa-temporary-codes"
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"

PA_INTERVENTIONS = {"819961005", "398636004", "435551000124105", "390893007", "426866005", "229095001", "229065009"}
PA_SERVICE_CATEGORIES = {"409063005", "409073007", "386053000", "91251008"}
PA_GOAL_MEASURES = {"41950-7", "40443-4", "8873-2", "41979-6", "89555-7", "68516-4", "82290-8", "82291-6"}
CORE_SERVICE_CATEGORIES = {
    "108252007", "363679005", "409063005", "409073007", "386053000", "410606002", "387713003", "103693007", "91251008",
}  # fmt: skip
REQUEST_STATUS = {"draft", "active", "on-hold", "revoked", "completed", "entered-in-error"}
PRIORITIES = {"routine", "urgent", "asap", "stat"}
UNITS = {"min/d", "min/wk", "{steps}/d", "d/wk", "/min"}
PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})\Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def codes(concepts: Any, system: str) -> list[str]:
    """The codes of *system* in a list of CodeableConcepts (or in one)."""
    found = concepts if isinstance(concepts, list) else [concepts] if concepts else []
    return [one["code"] for concept in found for one in concept.get("coding", []) if one.get("system") == system]


def reference(resource: Resource, key: str, *types: str) -> bool:
    return any((resource.get(key) or {}).get("reference", "").startswith(f"{one}/") for one in types)


def absent(*keys: str) -> Rule:
    return (f"has no {', '.join(keys)}", lambda one: not any(key in one for key in keys))


def annotated(one: Resource) -> bool:
    return all(("authorReference" in note or "authorString" in note) and "time" in note for note in one.get("note", []))


def _categories(one: Resource, system: str, wanted: set[str]) -> int:
    return sum(bool(set(codes(concept, system)) & wanted) for concept in one.get("category", []))


def _targets(one: Resource, test: Callable[[Resource], bool]) -> bool:
    return all(test(target) for target in one.get("target", []))


def _goal_links(one: Resource) -> bool:
    links = [each for each in one.get("extension", []) if each["url"] == PERTAINS_TO_GOAL]
    return all(each["valueReference"]["reference"].startswith("Goal/") for each in links)


def _order_of_ours(intents: set[str]) -> list[Rule]:
    return [
        ("status is one of a request", lambda one: one.get("status") in REQUEST_STATUS),
        (f"intent is one of {sorted(intents)}", lambda one: one.get("intent") in intents),
        ("code with a coding and words", lambda one: bool(one["code"]["coding"]) and bool(one["code"]["text"])),
        ("subject is a Patient", lambda one: reference(one, "subject", "Patient")),
        ("authoredOn is a moment", lambda one: bool(_MOMENT.match(one.get("authoredOn", "")))),
        ("requester may sign", lambda one: reference(one, "requester", "Practitioner", "PractitionerRole")),
        ("a reason", lambda one: bool(one.get("reasonCode") or one.get("reasonReference"))),
        ("every reason has words", lambda one: all(each.get("text") for each in one.get("reasonCode", []))),
        ("reasonReference points to a Condition or Observation", lambda one: all(
            each["reference"].startswith(("Condition/", "Observation/")) for each in one.get("reasonReference", [])
        )),
        ("an occurrence", lambda one: "occurrencePeriod" in one or "occurrenceDateTime" in one),
        ("priority is known", lambda one: one.get("priority") in PRIORITIES),
        ("canonicals carry a version", lambda one: all("|" in each for each in one["instantiatesCanonical"])),
        ("a rationale", lambda one: any(each["url"] == CPG + "cpg-rationale" and each["valueMarkdown"] for each in one["extension"])),
        ("notes carry author and time", annotated),
        absent("doNotPerform", "specimen", "implicitRules", "modifierExtension"),
    ]  # fmt: skip


RULES: dict[str, list[Rule]] = {
    PA + "pa-servicerequest": [
        *_order_of_ours({"original-order", "order", "filler-order"}),
        ("category: PhysicalActivity exactly once", lambda one: _categories(one, PA_CODES, {"PhysicalActivity"}) == 1),
        ("category: exactly one of US Core's four", lambda one: _categories(one, SNOMED, PA_SERVICE_CATEGORIES) == 1),
        ("code from the interventions", lambda one: codes(one["code"], SNOMED)[:1][0] in PA_INTERVENTIONS),
        ("goals by pertainsToGoal", _goal_links),
        ("a home programme is performed by the patient", lambda one: one["performer"] == [one["subject"]]),
        ("words for the patient", lambda one: bool(one.get("patientInstruction"))),
        ("the period has a start", lambda one: bool(_DAY.match(one["occurrencePeriod"]["start"]))),
    ],
    PA + "pa-careplan": [
        ("narrative in XHTML", lambda one: one["text"]["div"].startswith('<div xmlns="http://www.w3.org/1999/xhtml">')),
        ("narrative status", lambda one: one["text"]["status"] in {"generated", "additional"}),
        ("intent is plan", lambda one: one.get("intent") == "plan"),
        ("status is one of a plan", lambda one: one.get("status") in REQUEST_STATUS),
        ("category: assess-plan once", lambda one: _categories(
            one, "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", {"assess-plan"}) == 1),
        ("category: PhysicalActivity once", lambda one: _categories(one, PA_CODES, {"PhysicalActivity"}) == 1),
        ("subject is a Patient", lambda one: reference(one, "subject", "Patient")),
        ("period has a start", lambda one: bool(_DAY.match(one["period"]["start"]))),
        ("notes carry author and time", annotated),
        ("PCO: at least one goal", lambda one: bool(one.get("goal"))),
        ("PCO: activities are references", lambda one: all(set(each) == {"reference"} for each in one["activity"])),
        absent("implicitRules", "modifierExtension"),
    ],
    PA + "pa-goal": [
        ("lifecycle status", lambda one: one.get("lifecycleStatus") in {
            "proposed", "planned", "accepted", "active", "on-hold", "completed", "cancelled", "entered-in-error", "rejected"}),
        ("description in words", lambda one: bool(one["description"]["text"])),
        ("subject is a Patient", lambda one: reference(one, "subject", "Patient")),
        ("category: PhysicalActivity once", lambda one: _categories(one, PA_CODES, {"PhysicalActivity"}) == 1),
        ("a target holds a UCUM quantity", lambda one: _targets(one, lambda each: (
            each["detailQuantity"]["system"] == UCUM and each["detailQuantity"]["code"] in UNITS
            and each["detailQuantity"]["value"] > 0))),
        ("a target's measure is known", lambda one: _targets(
            one, lambda each: set(codes(each["measure"], LOINC)) <= PA_GOAL_MEASURES and bool(codes(each["measure"], LOINC)))),
        ("a target is due on a day", lambda one: _targets(one, lambda each: bool(_DAY.match(each["dueDate"])))),
        ("PCO: a start day", lambda one: bool(_DAY.match(one.get("startDate", "")))),
        ("notes carry author and time", annotated),
        absent("implicitRules", "modifierExtension"),
    ],
    PFE + "pfe-service-request": [
        *_order_of_ours({"order"}),
        ("category is a service category", lambda one: _categories(one, SNOMED, CORE_SERVICE_CATEGORIES) >= 1),
        ("a referral leaves the performer open", lambda one: "performer" not in one),
    ],
    CORE + "us-core-servicerequest": [
        *_order_of_ours({"order"}),
        ("category is a service category", lambda one: _categories(one, SNOMED, CORE_SERVICE_CATEGORIES) >= 1),
    ],
    CPG + "cpg-servicerequest": [
        *_order_of_ours({"proposal"}),
        ("instantiates a plan or an activity", lambda one: bool(one.get("instantiatesCanonical"))),
    ],
    CORE + "us-core-careplan": [
        ("narrative", lambda one: bool(one["text"]["div"]) and one["text"]["status"] in {"generated", "additional"}),
        ("status and intent", lambda one: one["status"] in REQUEST_STATUS and one["intent"] in {"plan", "proposal"}),
        ("category: assess-plan", lambda one: _categories(
            one, "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", {"assess-plan"}) == 1),
        ("subject is a Patient", lambda one: reference(one, "subject", "Patient")),
    ],
    CORE + "us-core-goal": [
        ("lifecycle status", lambda one: bool(one.get("lifecycleStatus"))),
        ("description", lambda one: bool(one["description"]["text"])),
        ("subject is a Patient", lambda one: reference(one, "subject", "Patient")),
        ("start or due", lambda one: "startDate" in one or any("dueDate" in each for each in one.get("target", []))),
    ],
}  # fmt: skip


def profile_faults(resource: Resource) -> list[str]:
    """Everything that breaks a rule of a profile the resource claims, or a rule that holds for all we send."""
    faults = list(_general(resource))
    for profile in resource.get("meta", {}).get("profile", []):
        if profile not in RULES:
            faults.append(f"{profile}: no such profile is known here")
        for words, test in RULES.get(profile, []):
            try:
                kept = test(resource)
            except (KeyError, IndexError, TypeError) as error:
                kept, words = False, f"{words} ({type(error).__name__} {error})"
            if not kept:
                faults.append(f"{profile.rsplit('/', 1)[-1]}: {words}")
    return faults


def _general(resource: Resource) -> Iterator[str]:
    if not _ID.match(resource.get("id", "")):
        yield "id: 1 to 64 of A-Z a-z 0-9 - ."
    for path, value in _walk(resource):
        if value is None or (isinstance(value, str | list | dict) and not value):
            yield f"{path}: empty"
        if isinstance(value, str) and "urn:uuid" in value:
            yield f"{path}: urn:uuid"
        if isinstance(value, dict):
            if "reference" in value and isinstance(value["reference"], str) and "://" in value["reference"]:
                yield f"{path}: a reference that is not relative"
            if "system" in value and "code" in value and "value" not in value and not value.get("display"):
                yield f"{path}: a coding without display"


def _walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _walk(one, f"{path}.{key}" if path else str(key))
