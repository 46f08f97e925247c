"""Names the knowledge carries in FHIR: canonical URLs and ids under the service's own base. Builds no resource."""

from __future__ import annotations

HOME_PROGRAMME = "home-programme"
REFER_PHYSIOTHERAPY = "refer-physiotherapy"
CONSULT_SURGEON = "consult-surgeon"
URGENT_EVALUATION = "urgent-evaluation"
FOLLOW_UP = "follow-up"

REQUEST_KINDS: dict[str, str] = {
    HOME_PROGRAMME: "Home exercise programme after spine surgery",
    REFER_PHYSIOTHERAPY: "Referral to physiotherapy after spine surgery",
    CONSULT_SURGEON: "Consultation with the spine surgeon about the exercise programme",
    URGENT_EVALUATION: "Urgent evaluation of a red flag after spine surgery",
    FOLLOW_UP: "Follow-up at a phase gate after spine surgery",
}
"""The ActivityDefinitions our orders instantiate, with their titles."""

CARD_TOPICS: dict[str, str] = {
    "red-flag": "Red flag after spine surgery",
    "exercise-programme": "Exercise programme after spine surgery",
    "record-gap": "Gap in the record of a spine operation",
    "order-check": "Order checked against the phase after spine surgery",
    "appointment-check": "Appointment checked against the phase after spine surgery",
    "follow-up": "Follow-up at a phase gate after spine surgery",
    "going-home": "Going home after spine surgery",
}
"""Codes of our card-topic CodeSystem."""


def fhir_id(name: str) -> str:
    """Give a knowledge id (LUM_FUS, walking_short) as a FHIR id (lum-fus, walking-short)."""
    return name.lower().replace("_", "-")


def protocol_url(base: str, protocol: str) -> str:
    """Give the canonical URL of a protocol's PlanDefinition, without version."""
    return f"{base}/fhir/PlanDefinition/{fhir_id(protocol)}"


def request_url(base: str, kind: str) -> str:
    """Give the canonical URL of the ActivityDefinition of one of `REQUEST_KINDS`, without version."""
    return f"{base}/fhir/ActivityDefinition/{kind}"


def topic_system(base: str) -> str:
    """Give the canonical URL of the card-topic CodeSystem."""
    return f"{base}/fhir/CodeSystem/card-topic"


def rule_url(base: str, rule: str) -> str:
    """Give the canonical URL of a safety rule's PlanDefinition, without version."""
    return f"{base}/fhir/PlanDefinition/{fhir_id(rule)}"


def exercise_url(base: str, exercise: str) -> str:
    """Give the canonical URL of an exercise's ActivityDefinition, without version."""
    return f"{base}/fhir/ActivityDefinition/{fhir_id(exercise)}"


def avoided_url(base: str, exercise: str) -> str:
    """Give the canonical URL of the ActivityDefinition that says *not* to do an exercise, without version."""
    return f"{base}/fhir/ActivityDefinition/avoid-{fhir_id(exercise)}"


def value_set_url(base: str, codelist: str) -> str:
    """Give the canonical URL of a codelist's ValueSet, without version."""
    return f"{base}/fhir/ValueSet/{fhir_id(codelist)}"


def code_system_url(base: str, name: str) -> str:
    """Give the canonical URL of one of our CodeSystems (surgery-type, exercise, rule, effect ...), without version."""
    return f"{base}/fhir/CodeSystem/{fhir_id(name)}"


def library_url(base: str) -> str:
    """Give the canonical URL of the Library that holds the whole knowledge base together, without version."""
    return f"{base}/fhir/Library/knowledge"
