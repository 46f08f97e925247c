"""The FHIR shapes of our orders as plain dicts, by order profile and FHIR version. Decides nothing clinical.

Profiles: HL7 US Physical Activity 1.0 (pa), US Core (us-core, and the floor of the others), PACIO Personal Functioning
and Engagement for referrals, CPG-on-FHIR 2.0 for proposals. orders/validation.py and the profile tests check them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from msgspec import Struct

from cds_service.orders.call import CallFacts
from cds_service.orders.existing import PA_CODES

Resource = dict[str, Any]

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
PERTAINS_TO_GOAL = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
CPG_RATIONALE = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-rationale"
PROFILES: Mapping[tuple[str, str], str] = {
    ("pa", "Goal"): "http://hl7.org/fhir/us/physical-activity/StructureDefinition/pa-goal",
    ("pa", "CarePlan"): "http://hl7.org/fhir/us/physical-activity/StructureDefinition/pa-careplan",
    ("pa", "ServiceRequest"): "http://hl7.org/fhir/us/physical-activity/StructureDefinition/pa-servicerequest",
    ("pa", "referral"): "http://hl7.org/fhir/us/pacio-pfe/StructureDefinition/pfe-service-request",
    ("us-core", "Goal"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-goal",
    ("us-core", "CarePlan"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-careplan",
    ("us-core", "ServiceRequest"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-servicerequest",
    ("us-core", "referral"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-servicerequest",
    ("cpg-proposal", "Goal"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-goal",
    ("cpg-proposal", "CarePlan"): "http://hl7.org/fhir/us/core/StructureDefinition/us-core-careplan",
    ("cpg-proposal", "ServiceRequest"): "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-servicerequest",
    ("cpg-proposal", "referral"): "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-servicerequest",
}
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9._\-]{1,128}\Z")


def concept(system: str, code: str, display: str, text: str | None = None) -> Resource:
    found: Resource = {"coding": [{"system": system, "code": code, "display": display}]}
    if text:
        found["text"] = text
    return found


EXERCISE_THERAPY = (SNOMED, "229065009", "Exercise therapy")
THERAPY = concept(SNOMED, "91251008", "Physical therapy procedure")
EVALUATION = concept(SNOMED, "386053000", "Evaluation procedure")
PHYSICAL_ACTIVITY = concept(PA_CODES, "PhysicalActivity", "Physical Activity")
ASSESS_PLAN = concept(
    "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan", "Assessment and Plan of Treatment"
)


def is_reference(reference: str) -> bool:
    """Tell whether *reference* is a plain relative one (`Type/id`), the only kind that we point to."""
    return bool(_REFERENCE.match(reference))


def references(found: Iterable[str]) -> list[Resource]:
    return [{"reference": one} for one in dict.fromkeys(found) if is_reference(one)]


class Signed(Struct, frozen=True, gc=False):
    """What all orders of one call share: their shape (*profile*, *in_r5*), and who orders for whom, when.

    *patient*, *requester* and *encounter* are references (`Patient/123`); *moment* is a FHIR dateTime.
    """

    profile: str
    in_r5: bool
    patient: str
    requester: str | None
    encounter: str | None
    moment: str


def signed(call: CallFacts) -> Signed:
    encounter = f"Encounter/{call.encounter_id}"
    return Signed(
        call.order_profile,
        call.writes_r5,
        f"Patient/{call.patient_id}",
        call.requester,
        encounter if call.encounter_id and is_reference(encounter) else None,
        moment(call),
    )


def supporting(by: Signed, found: Iterable[str]) -> list[Resource]:
    """Give the references *found* as supportingInfo has them: in R5 each is a CodeableReference."""
    return [{"reference": one} for one in references(found)] if by.in_r5 else references(found)


def meta(by: Signed, kind: str) -> Resource:
    """Give `{"meta": ...}` with the profile that the resource claims; nothing in R5, whose guides do not exist yet."""
    if by.in_r5:
        return {}
    return {"meta": {"profile": [PROFILES[(by.profile, kind)]]}}


def goal(by: Signed, id_: str, description: str, start: str, target: Resource | None = None) -> Resource:
    """Give a Goal. With *target* it holds a number and a day; without one its text is the whole goal."""
    found: Resource = {"resourceType": "Goal", "id": id_, **meta(by, "Goal"), "lifecycleStatus": "proposed"}
    if by.profile == "pa":
        found["category"] = [PHYSICAL_ACTIVITY]
    found["description"] = {"text": description}
    found["subject"] = {"reference": by.patient}
    found["startDate"] = start
    if target is not None:
        found["target"] = [target]
    found["source" if by.in_r5 else "expressedBy"] = {"reference": by.requester}
    return found


def goal_target(measure: str, display: str, value: float, unit_text: str, unit: str, due: str) -> Resource:
    """Give a Goal target that PAGoal accepts: LOINC measure, UCUM quantity, due day."""
    number = int(value) if value == int(value) else value
    return {
        "measure": concept(LOINC, measure, display),
        "detailQuantity": {"value": number, "unit": unit_text, "system": UCUM, "code": unit},
        "dueDate": due,
    }


def care_plan(
    by: Signed,
    id_: str,
    title: str,
    lines: Iterable[tuple[str, Iterable[str]]],
    canonicals: list[str],
    period: Resource | None,
    goals: Iterable[str],
    requests: Iterable[str],
) -> Resource:
    """Give a CarePlan whose narrative is the plan: *lines* are headings, each with its items."""
    proposal = by.profile == "cpg-proposal"
    found: Resource = {"resourceType": "CarePlan", "id": id_, **meta(by, "CarePlan")}
    found["text"] = {"status": "additional", "div": _narrative(title, lines)}
    found["instantiatesCanonical"] = canonicals
    found["status"] = "draft"
    found["intent"] = "proposal" if proposal else "plan"
    found["category"] = [ASSESS_PLAN, PHYSICAL_ACTIVITY] if by.profile == "pa" else [ASSESS_PLAN]
    found["title"] = title
    found["subject"] = {"reference": by.patient}
    found.update(_encounter(by))
    if period:
        found["period"] = period
    found["created"] = by.moment
    found["custodian" if by.in_r5 else "author"] = {"reference": by.requester}
    found["goal"] = references(goals)
    activity = "plannedActivityReference" if by.in_r5 else "reference"
    found["activity"] = [{activity: one} for one in references(requests)]
    return found


def service_request(
    by: Signed,
    kind: str,
    id_: str,
    code: Resource,
    canonicals: list[str],
    rationale: str,
    reason: Resource,
    facts: list[Resource],
    *,
    priority: str = "routine",
    period: Resource | None = None,
    occurs_on: str | None = None,
    conditions: Iterable[str] = (),
    based_on: str | None = None,
    goals: Iterable[str] = (),
    by_patient: bool = False,
    instruction: str | None = None,
    details: Iterable[str] = (),
) -> Resource:
    """Give a ServiceRequest: *kind* "ServiceRequest" is the exercise prescription, "referral" anything else.

    *conditions* are Conditions that we really saw (reasonReference); a Procedure belongs into *facts*, which `supporting`
    gives.
    *details* are orderDetail texts; R5 has no such element, so they become the patient-independent note there.
    """
    found: Resource = {"resourceType": "ServiceRequest", "id": id_, **meta(by, kind)}
    found["extension"] = [{"url": PERTAINS_TO_GOAL, "valueReference": one} for one in references(goals)] + [
        {"url": CPG_RATIONALE, "valueMarkdown": rationale}
    ]
    found["instantiatesCanonical"] = canonicals
    if based_on:
        found["basedOn"] = references([based_on])
    found["status"] = "draft"
    found["intent"] = "proposal" if by.profile == "cpg-proposal" else "order"
    found["category"] = _category(by, kind)
    found["priority"] = priority
    found["code"] = {"concept": code} if by.in_r5 else code
    if details and not by.in_r5:
        found["orderDetail"] = [{"text": one} for one in details]
    found["subject"] = {"reference": by.patient}
    found.update(_encounter(by))
    if period:
        found["occurrencePeriod"] = period
    elif occurs_on:
        found["occurrenceDateTime"] = occurs_on
    found["authoredOn"] = by.moment
    found["requester"] = {"reference": by.requester}
    if by_patient:
        found["performer"] = [{"reference": by.patient}]
    _add_reasons(found, by, reason, references(conditions), facts)
    if details and by.in_r5:
        note = {"authorReference": {"reference": by.requester}, "time": by.moment, "text": "; ".join(details)}
        found["note"] = [note]
    if instruction:
        found["patientInstruction"] = [{"instructionMarkdown": instruction}] if by.in_r5 else instruction
    return found


def moment(call: CallFacts) -> str:
    """Give the moment of the call as a FHIR dateTime, to the second."""
    return call.at.isoformat(timespec="seconds").replace("+00:00", "Z")


def period(start: str | None, end: str | None) -> Resource | None:
    """Give a Period of days; None where it is open on both sides."""
    return {key: value for key, value in (("start", start), ("end", end)) if value} or None


def _add_reasons(
    found: Resource, by: Signed, reason: Resource, conditions: list[Resource], facts: list[Resource]
) -> None:
    if by.in_r5:
        found["reason"] = [{"concept": reason}] + [{"reference": one} for one in conditions]
    else:
        found["reasonCode"] = [reason]
        if conditions:
            found["reasonReference"] = conditions
    if facts:
        found["supportingInfo"] = facts


def _category(by: Signed, kind: str) -> list[Resource]:
    if kind == "referral":
        return [EVALUATION]
    return [PHYSICAL_ACTIVITY, THERAPY] if by.profile == "pa" else [THERAPY]


def _encounter(by: Signed) -> Resource:
    return {"encounter": {"reference": by.encounter}} if by.encounter else {}


def _narrative(title: str, lines: Iterable[tuple[str, Iterable[str]]]) -> str:
    parts = [f"<p><b>{escape(title)}</b></p>"]
    for heading, items in lines:
        shown = "".join(f"<li>{escape(item)}</li>" for item in items)
        if shown:
            parts.append(f"<p>{escape(heading)}</p><ul>{shown}</ul>")
    return '<div xmlns="http://www.w3.org/1999/xhtml">' + "".join(parts) + "</div>"
