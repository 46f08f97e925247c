"""A safety rule as a PlanDefinition of the type eca-rule: when it is asked, what it asks for, what each grade does.

The conditions are told in words. What they look at is told to machines too, as DataRequirements with codes or ValueSets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds_service.hooks import ALL_HOOKS
from cds_service.knowledge.canonical import (
    URGENT_EVALUATION,
    code_system_url,
    library_url,
    request_url,
    rule_url,
    value_set_url,
)
from cds_service.knowledge.in_words import say_condition, say_effect
from cds_service.knowledge.model import Effect, Grade, SafetyRule, Severity
from cds_service.patient.known import Codelist, Measure
from cds_service.publish.codes import official
from cds_service.publish.protocols import PLAN_TYPE
from cds_service.publish.shapes import (
    SHAREABLE,
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
)

EFFECT_WORDS = {
    Effect.STOP_ALL: "Every exercise stops",
    Effect.BASELINE_ONLY: "Only the universal set stays",
    Effect.REMOVE: "Some exercises are taken away",
    Effect.NO_PROGRESSION: "The programme takes no step forward",
    Effect.INFO: "Nothing changes; the clinician is told",
}
_PRIORITY = {Severity.CRITICAL: "stat", Severity.WARNING: "urgent", Severity.INFO: "routine", Severity.NOTE: "routine"}
_PRESSING = (Effect.STOP_ALL, Effect.BASELINE_ONLY)
_FILLED_IN = {"because": "what was found", "value": "the value", "when": "its time", "day": "the day"}


def rule_plan(shelf: Shelf, rule: SafetyRule) -> Resource:
    """Give *rule* with its grades, worst first; the first grade that is met speaks for the rule."""
    found = metadata(
        shelf,
        "PlanDefinition",
        rule_url(shelf.base, rule.id),
        computable_name(f"rule {rule.id}"),
        f"{rule.id}: {rule.title}",
        f"Safety rule {rule.id}. It is asked {_asked(rule)}.",
        rule.governance,
        profiles=(f"{SHAREABLE}plandefinition",),
        level="semi-structured",
    )
    found["type"] = concept(coding(PLAN_TYPE, "eca-rule", "ECA Rule"))
    found |= authored(rule.governance)
    keys = [*rule.sources, *(key for grade in rule.grades for key in grade.sources)]
    found["relatedArtifact"] = shelf.citations(keys)
    found["library"] = [shelf.versioned(library_url(shelf.base))]
    found["action"] = [_rule_action(shelf, rule)]
    return {key: value for key, value in found.items() if value != []}


def _asked(rule: SafetyRule) -> str:
    where = say_condition(rule.applies)
    return "after every operation" if where == "always" else f"where {where}"


def _rule_action(shelf: Shelf, rule: SafetyRule) -> Resource:
    found: Resource = {
        "id": element_id(rule.id),
        "title": rule.title,
        "description": "Grades stand worst first; the first whose condition is met speaks.",
        "code": [concept(coding(code_system_url(shelf.base, "rule"), rule.id, rule.title))],
        "trigger": [{"type": "named-event", "name": hook} for hook in sorted({one.hook for one in ALL_HOOKS})],
        "condition": [applicability(say_condition(rule.applies))],
        "input": _inputs(shelf, rule),
        "groupingBehavior": "logical-group",
        "selectionBehavior": "at-most-one",
        "action": [_grade(shelf, rule, grade) for grade in rule.grades] + [_unknown(rule)],
    }
    return {key: value for key, value in found.items() if value != []}


def _grade(shelf: Shelf, rule: SafetyRule, grade: Grade) -> Resource:
    effect = coding(code_system_url(shelf.base, "effect"), grade.effect.value, EFFECT_WORDS[grade.effect])
    found: Resource = {
        "id": element_id(rule.id, grade.id),
        "title": f"{rule.title}: {grade.id.replace('_', ' ')} ({grade.severity.value})",
        "description": _without_gaps(" ".join(part for part in (grade.say, grade.do) if part)),
        "textEquivalent": sentence(say_effect(grade)),
        "priority": _PRIORITY[grade.severity],
        "code": [concept(effect)],
        "documentation": shelf.documentation(grade.mark, (*rule.sources, *grade.sources)),
        "condition": [applicability(say_condition(grade.when))],
    }
    if grade.severity is Severity.CRITICAL or grade.effect in _PRESSING:
        found["definitionCanonical"] = shelf.versioned(request_url(shelf.base, URGENT_EVALUATION))
    return found


def _unknown(rule: SafetyRule) -> Resource:
    return {
        "id": element_id(rule.id, "unknown"),
        "title": f"{rule.title}: could not be checked",
        "description": rule.if_unknown,
        "priority": "routine",
        "condition": [applicability("No grade is met, and the record does not decide at least one of them")],
    }


def _inputs(shelf: Shelf, rule: SafetyRule) -> list[Resource]:
    """Tell what the rule reads: each measure by its codes, each codelist by its ValueSet."""
    asked: dict[str, Resource] = {}
    for condition in (rule.applies, *(grade.when for grade in rule.grades)):
        for thing in _looked_at(condition):
            if isinstance(thing, Measure):
                asked.setdefault(f"measure {thing.id}", _measure_input(thing))
            elif thing.entries:
                asked.setdefault(f"list {thing.id}", _codelist_input(shelf, thing))
    return list(asked.values())


def _looked_at(condition: Any) -> Iterator[Measure | Codelist]:
    for part in (*getattr(condition, "parts", ()), *([condition.part] if hasattr(condition, "part") else [])):
        yield from _looked_at(part)
    for name in ("measure", "standing", "codelist"):
        thing = getattr(condition, name, None)
        if isinstance(thing, Measure | Codelist):
            yield thing


def _measure_input(measure: Measure) -> Resource:
    codes = [coding(*official(system, code)) for system, code in sorted(measure.codes)]
    return (
        {"type": "Observation", "codeFilter": [{"path": "code", "code": codes}]} if codes else {"type": "Observation"}
    )


def _codelist_input(shelf: Shelf, codelist: Codelist) -> Resource:
    drugs = all(entry.system in ("atc", "rxnorm") for entry in codelist.entries)
    value_set = shelf.versioned(value_set_url(shelf.base, codelist.id))
    if drugs:
        return {"type": "MedicationRequest", "codeFilter": [{"path": "medication", "valueSet": value_set}]}
    return {"type": "Condition", "codeFilter": [{"path": "code", "valueSet": value_set}]}


def _without_gaps(text: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda gap: f"[{_FILLED_IN.get(gap[1], gap[1])}]", text)
