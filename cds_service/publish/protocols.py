"""A surgery type's protocol as a PlanDefinition: phases, exercises, limits and gates by weeks after the operation.

Every week counts from one action, the operation itself: `relatedAction` says when something begins, `timingRange` from
which completed week to which it holds. An exercise stays once it has begun, so its range is open.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.knowledge.canonical import (
    FOLLOW_UP,
    avoided_url,
    code_system_url,
    exercise_url,
    library_url,
    protocol_url,
    request_url,
)
from cds_service.knowledge.in_words import say_weeks
from cds_service.knowledge.model import ActivityTarget, FirstWeek, Permission, Phase, Protocol
from cds_service.publish.shapes import (
    CPG,
    SHAREABLE,
    SNOMED,
    UCUM,
    Resource,
    Shelf,
    applicability,
    authored,
    coding,
    computable_name,
    concept,
    element_id,
    metadata,
    sentence,
    week_range,
    weeks,
)

PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
OPERATION = "operation"
_LOINC = "http://loinc.org"


def protocol_plan(shelf: Shelf, protocol: Protocol) -> Resource:
    """Give *protocol* as a PlanDefinition of the type clinical-protocol."""
    found = metadata(
        shelf,
        "PlanDefinition",
        protocol_url(shelf.base, protocol.id),
        computable_name(protocol.id.lower().replace("_", " ")),
        f"Exercise after: {protocol.name}",
        _description(shelf, protocol),
        protocol.governance,
        profiles=(f"{SHAREABLE}plandefinition", f"{CPG}/cpg-computableplandefinition"),
        capabilities=("shareable", "computable"),
        level="structured",
        systems=("snomed", "loinc"),
    )
    found["type"] = concept(coding(PLAN_TYPE, "clinical-protocol", "Clinical Protocol"))
    found["useContext"] = [_focus(shelf, protocol)]
    found["purpose"] = protocol.why
    found["usage"] = _usage(protocol)
    found |= authored(protocol.governance)
    found["relatedArtifact"] = shelf.citations(_sources(protocol))
    found["library"] = [shelf.versioned(library_url(shelf.base))]
    targets = _targets(shelf, protocol)
    found["goal"] = [_phase_goal(phase) for phase in protocol.phases] + [_target_goal(one) for one in targets]
    found["action"] = _actions(shelf, protocol, targets)
    return {key: value for key, value in found.items() if value not in ([], "")}


def _description(shelf: Shelf, protocol: Protocol) -> str:
    parts = [
        f"What fits when after: {protocol.name}. Weeks are completed weeks after the operation (day 0 is the day itself).",
        "An exercise stays once it has begun. The safety rules published beside it can delay or stop it, and the "
        "surgeon's own instruction comes before all of it.",
    ]
    if shelf.knowledge.overlay:
        parts.append(f"With the local protocol {shelf.knowledge.overlay}.")
    return "\n\n".join(parts)


def _usage(protocol: Protocol) -> str:
    lines = [protocol.disagreement] if protocol.disagreement else []
    lines += [f"Left to the surgeon: {one}" for one in protocol.defer]
    return "\n\n".join(lines)


def _focus(shelf: Shelf, protocol: Protocol) -> Resource:
    codes = [coding(code_system_url(shelf.base, "surgery-type"), protocol.id, protocol.name)]
    if protocol.topic_code:
        codes.insert(0, coding(SNOMED, protocol.topic_code, protocol.topic_term))
    usage = coding("http://terminology.hl7.org/CodeSystem/usage-context-type", "focus", "Clinical Focus")
    return {"code": usage, "valueCodeableConcept": concept(*codes, text=protocol.plain_name)}


def _sources(protocol: Protocol) -> Iterable[str]:
    yield from protocol.sources
    for one in (*protocol.first_weeks.values(), *protocol.restrictions, *protocol.progression):
        yield from one.sources
    for one in (*protocol.evidence, *protocol.walking):
        yield from one.sources


def _targets(shelf: Shelf, protocol: Protocol) -> list[ActivityTarget]:
    content = shelf.knowledge.order_content
    return [one for one in content.targets if protocol.id in one.protocols] if content else []


def _goal_id(phase: str) -> str:
    return element_id("goal", phase)


def _phase_goal(phase: Phase) -> Resource:
    return {
        "id": _goal_id(phase.id),
        "description": {"text": sentence(f"{say_weeks(phase.from_week, phase.to_week)}: {phase.goal}")},
    }


def _target_goal(target: ActivityTarget) -> Resource:
    number = int(target.value) if target.value == int(target.value) else target.value
    return {
        "id": element_id("target", target.id),
        "description": {"text": target.say},
        "target": [
            {
                "measure": concept(coding(_LOINC, target.measure, target.measure_display)),
                "detailQuantity": {"value": number, "unit": target.unit_text, "system": UCUM, "code": target.unit},
                "due": weeks(target.week),
            }
        ],
    }


def _actions(shelf: Shelf, protocol: Protocol, targets: list[ActivityTarget]) -> list[Resource]:
    phases = [_phase(shelf, protocol, phase, targets) for phase in protocol.phases]
    gates = [_gate(shelf, protocol, index) for index in range(len(protocol.progression))]
    groups = [
        _with_clearance(shelf, protocol),
        _never(shelf, protocol),
        _walking(shelf, protocol),
        _limits(shelf, protocol),
    ]
    return [_anchor(shelf, protocol), *phases, *gates, *(group for group in groups if group["action"])]


def _anchor(shelf: Shelf, protocol: Protocol) -> Resource:
    return {
        "id": OPERATION,
        "title": "The operation",
        "description": "Done already: the day from which every week is counted. Nothing is to be ordered here.",
        "code": [concept(coding(code_system_url(shelf.base, "surgery-type"), protocol.id, protocol.name))],
    }


def _span(from_week: int, to_week: int | None) -> Resource:
    related = {"actionId": OPERATION, "relationship": "after-end", "offsetDuration": weeks(from_week)}
    return {"relatedAction": [related], "timingRange": week_range(from_week, to_week)}


def _phase(shelf: Shelf, protocol: Protocol, phase: Phase, targets: list[ActivityTarget]) -> Resource:
    cells = sorted(
        (cell for cell in protocol.first_weeks.values() if cell.week is not None and phase.covers(cell.week)),
        key=lambda cell: cell.week or 0,
    )
    conditions = [
        applicability(f"At the gate from {one.from_phase}: {one.say}", "start")
        for one in protocol.progression
        if one.to_phase == phase.id
    ]
    if protocol.agree_first:
        why = protocol.agree_first_why or "this operation has no agreed ladder"
        conditions.insert(0, applicability(f"Agreed with the surgeon first: {why}"))
    found: Resource = {
        "id": element_id(phase.id),
        "prefix": phase.id,
        "title": f"Phase {phase.id}, {say_weeks(phase.from_week, phase.to_week)}",
        "description": sentence(phase.goal),
        "textEquivalent": "Begins in this phase, beside all that began before.",
        "goalId": [_goal_id(phase.id)] + [element_id("target", one.id) for one in targets if one.phase == phase.id],
        "condition": conditions,
        **_span(phase.from_week, phase.to_week),
        "groupingBehavior": "logical-group",
        "selectionBehavior": "any",
        "action": [_exercise(shelf, cell) for cell in cells],
    }
    return {key: value for key, value in found.items() if value != []}


def _exercise(shelf: Shelf, cell: FirstWeek) -> Resource:
    exercise = shelf.knowledge.exercises[cell.exercise]
    supervised = cell.permission is Permission.SUPERVISED
    found: Resource = {"id": element_id(exercise.id), "title": exercise.name}
    found["description"] = "With a therapist only." if supervised else "In the home programme."
    found["documentation"] = shelf.documentation(cell.mark, cell.sources)
    if cell.week is not None:
        found |= _span(cell.week, None)
    found["participant"] = [{"type": "patient"}]
    if supervised:
        found["participant"].append({"type": "practitioner", "role": {"text": "physiotherapist"}})
    found["definitionCanonical"] = shelf.versioned(exercise_url(shelf.base, exercise.id))
    return found


def _gate(shelf: Shelf, protocol: Protocol, index: int) -> Resource:
    test = protocol.progression[index]
    found: Resource = {
        "id": element_id("gate", test.from_phase, test.to_phase, str(index)),
        "title": f"Gate from {test.from_phase} to {test.to_phase}",
        "description": sentence(test.say),
        "documentation": shelf.documentation(test.mark, test.sources),
    }
    if test.week is not None:
        found |= _span(test.week, test.week)
    found["participant"] = [{"type": "practitioner"}]
    found["definitionCanonical"] = shelf.versioned(request_url(shelf.base, FOLLOW_UP))
    return found


def _with_clearance(shelf: Shelf, protocol: Protocol) -> Resource:
    cells = [cell for cell in protocol.first_weeks.values() if cell.permission is Permission.CLEARANCE]
    return {
        "id": "with-clearance",
        "title": "Only with the surgeon's clearance",
        "condition": [applicability("The surgeon has cleared this exercise for this patient")],
        "groupingBehavior": "logical-group",
        "selectionBehavior": "any",
        "action": [
            _exercise(shelf, cell) | {"description": "Only when the surgeon has cleared it for this patient."}
            for cell in cells
        ],
    }


def _never(shelf: Shelf, protocol: Protocol) -> Resource:
    cells = [cell for cell in protocol.first_weeks.values() if cell.permission is Permission.NEVER]
    actions = [
        {
            "id": element_id("avoid", cell.exercise),
            "title": f"Never: {shelf.knowledge.exercises[cell.exercise].name}",
            "documentation": shelf.documentation(cell.mark, cell.sources),
            "definitionCanonical": shelf.versioned(avoided_url(shelf.base, cell.exercise)),
        }
        for cell in cells
    ]
    return {
        "id": "never",
        "title": "Never after this operation",
        "description": "Each of these is defined with doNotPerform.",
        "groupingBehavior": "logical-group",
        "selectionBehavior": "all",
        "action": actions,
    }


def _walking(shelf: Shelf, protocol: Protocol) -> Resource:
    actions = []
    for number, target in enumerate((*protocol.walking, *shelf.knowledge.walking), start=1):
        found: Resource = {
            "id": element_id("walking", str(number)),
            "title": "Walking",
            "description": sentence(target.say),
        }
        found["documentation"] = shelf.documentation(target.mark, target.sources)
        if target.from_week is not None:
            found |= _span(target.from_week, target.to_week)
        actions.append(found)
    return {"id": "walking", "title": "How far to walk", "groupingBehavior": "logical-group", "action": actions}


def _limits(shelf: Shelf, protocol: Protocol) -> Resource:
    actions = [
        {
            "id": element_id("limit", str(number), str(step.from_week)),
            "title": restriction.topic,
            "description": sentence(step.say),
            "documentation": shelf.documentation(restriction.mark, restriction.sources),
            **_span(step.from_week, step.to_week),
        }
        for number, restriction in enumerate(protocol.restrictions, start=1)
        for step in restriction.steps
    ]
    return {"id": "limits", "title": "What to hold back from", "groupingBehavior": "logical-group", "action": actions}
