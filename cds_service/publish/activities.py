"""Exercises, exercises to avoid, and the requests our orders are made from, as ActivityDefinitions."""

from __future__ import annotations

from cds_service.knowledge.canonical import (
    CONSULT_SURGEON,
    FOLLOW_UP,
    HOME_PROGRAMME,
    REFER_PHYSIOTHERAPY,
    REQUEST_KINDS,
    URGENT_EVALUATION,
    avoided_url,
    code_system_url,
    exercise_url,
    library_url,
    request_url,
)
from cds_service.knowledge.model import Dosing, Exercise, Governance
from cds_service.publish.shapes import (
    CPG,
    SHAREABLE,
    SNOMED,
    Resource,
    Shelf,
    authored,
    coding,
    computable_name,
    concept,
    metadata,
)

_PROFILES = (f"{SHAREABLE}activitydefinition", f"{CPG}/cpg-computableactivity")

REQUEST_CODES: dict[str, tuple[str, str]] = {
    HOME_PROGRAMME: ("229065009", "Exercise therapy"),
    REFER_PHYSIOTHERAPY: ("410158009", "Assessment for physical therapy"),
    CONSULT_SURGEON: ("11429006", "Consultation"),
    URGENT_EVALUATION: ("11429006", "Consultation"),
    FOLLOW_UP: ("390906007", "Follow-up encounter"),
}
"""SNOMED CT codes of the requests; the same that the orders carry, which a test holds together."""

_REQUEST_PRIORITY = {URGENT_EVALUATION: "urgent"}
_REQUEST_WORDS = {
    HOME_PROGRAMME: "The exercises of the present phase that the record allows, at home, by the patient, with dose, "
    "limits and signs at which to stop. What is in it follows from the protocol and the safety rules.",
    REFER_PHYSIOTHERAPY: "Assessment and supervised work by a physiotherapist, where the phase opens exercises that are "
    "not for doing alone, or where the programme has to be agreed first.",
    CONSULT_SURGEON: "The surgeon agrees the exercise programme, where the operation has no ladder of its own.",
    URGENT_EVALUATION: "A clinician looks at a red flag; the exercises wait until then.",
    FOLLOW_UP: "What the gate between two phases asks for is looked at before the next phase begins.",
}


def exercise_activity(shelf: Shelf, exercise: Exercise, governance: Governance) -> Resource:
    """Give an exercise: how it is done, its dose in words and, where it is plain, as a timing."""
    found = metadata(
        shelf,
        "ActivityDefinition",
        exercise_url(shelf.base, exercise.id),
        computable_name(exercise.id.replace("_", " ")),
        exercise.name,
        exercise.how,
        governance,
        profiles=_PROFILES,
        capabilities=("shareable", "computable"),
        level="structured",
        systems=("snomed",) if exercise.snomed_code else (),
    )
    found["purpose"] = f"For: {exercise.target}."
    found["usage"] = _usage(exercise)
    found |= authored(governance)
    found["topic"] = [_tag(shelf, tag) for tag in sorted(exercise.tags)]
    found["relatedArtifact"] = shelf.citations(exercise.sources)
    found["library"] = [shelf.versioned(library_url(shelf.base))]
    found["kind"] = "ServiceRequest"
    found["code"] = _code(shelf, exercise)
    found["intent"] = "order"
    timing = _timing(exercise.dosing)
    if timing:
        found["timingTiming"] = {"repeat": timing}
    found["participant"] = [{"type": "patient"}]
    found["dosage"] = [{"text": exercise.dose}]
    return {key: value for key, value in found.items() if value != []}


def avoided_activity(shelf: Shelf, exercise: Exercise, governance: Governance) -> Resource:
    """Give the definition that an exercise is not to be done, for protocols that forbid it for ever."""
    found = metadata(
        shelf,
        "ActivityDefinition",
        avoided_url(shelf.base, exercise.id),
        computable_name(f"avoid {exercise.id}".replace("_", " ")),
        f"Not to be done: {exercise.name}",
        f"This exercise is never proposed after the operations whose protocols point here. What is meant: {exercise.how}",
        governance,
        profiles=_PROFILES,
        capabilities=("shareable", "computable"),
        level="structured",
        systems=("snomed",) if exercise.snomed_code else (),
    )
    found |= authored(governance)
    found["library"] = [shelf.versioned(library_url(shelf.base))]
    found["kind"] = "ServiceRequest"
    # The SNOMED code of most exercises is that of a whole family: forbidding one must not forbid the others.
    found["code"] = concept(_own_coding(shelf, exercise), text=exercise.name)
    found["intent"] = "order"
    found["doNotPerform"] = True
    return found


def request_activity(shelf: Shelf, kind: str, governance: Governance) -> Resource:
    """Give the definition behind one of the requests that our suggestions create."""
    code, display = REQUEST_CODES[kind]
    found = metadata(
        shelf,
        "ActivityDefinition",
        request_url(shelf.base, kind),
        computable_name(kind.replace("-", " ")),
        REQUEST_KINDS[kind],
        _REQUEST_WORDS[kind],
        governance,
        profiles=_PROFILES,
        capabilities=("shareable", "computable"),
        level="structured",
        systems=("snomed",),
    )
    found |= authored(governance)
    found["library"] = [shelf.versioned(library_url(shelf.base))]
    found["kind"] = "ServiceRequest"
    found["code"] = concept(coding(SNOMED, code, display), text=REQUEST_KINDS[kind])
    found["intent"] = "order"
    found["priority"] = _REQUEST_PRIORITY.get(kind, "routine")
    found["participant"] = [{"type": "patient" if kind == HOME_PROGRAMME else "practitioner"}]
    return found


def _usage(exercise: Exercise) -> str:
    lines = [f"Do not use: {exercise.do_not_use_when}." if exercise.do_not_use_when else ""]
    lines.append(f"Needs: {exercise.equipment}." if exercise.equipment else "")
    lines.append(f"Supervision: {exercise.supervision}." if exercise.supervision else "")
    lines.append("Not alone for people at risk of falling." if exercise.not_alone else "")
    return "\n\n".join(line for line in lines if line) or "No precautions recorded."


def _own_coding(shelf: Shelf, exercise: Exercise) -> Resource:
    return coding(code_system_url(shelf.base, "exercise"), exercise.id, exercise.name)


def _code(shelf: Shelf, exercise: Exercise) -> Resource:
    """SNOMED first for those who know no other system; ours tells the exercises of a family apart."""
    codes = [_own_coding(shelf, exercise)]
    if exercise.snomed_code:
        codes.insert(0, coding(SNOMED, exercise.snomed_code, exercise.snomed_display))
    return concept(*codes, text=exercise.name)


def _tag(shelf: Shelf, tag: str) -> Resource:
    return concept(coding(code_system_url(shelf.base, "exercise-tag"), tag), text=tag.replace("_", " "))


def _timing(dosing: Dosing) -> Resource:
    """Give how often and how long as Timing.repeat; empty where FHIR cannot say it in one sentence.

    Times a day on some days of the week, and "at least" so many, have no element: the words of the dose stand alone.
    """
    per_day, per_week, minutes = dosing.times_per_day, dosing.days_per_week, dosing.minutes
    if per_day and per_week or any(span and span.high is None for span in (per_day, per_week, minutes)):
        return {}
    found: Resource = {}
    if minutes:
        found |= {"duration": minutes.low, "durationUnit": "min"}
        found |= {"durationMax": minutes.high} if minutes.high != minutes.low else {}
    often = per_day or per_week
    if often:
        found["frequency"] = often.low
        found |= {"frequencyMax": often.high} if often.high != often.low else {}
        found |= {"period": 1, "periodUnit": "d" if per_day else "wk"}
    return found
