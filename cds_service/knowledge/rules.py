"""Read the safety rules, the modifiers, the outcome measures and the data-quality rules of cards/. Asks no patient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.codelists import load_codelists, load_measures
from cds_service.knowledge.model import (
    DataQualityRule,
    Effect,
    Exercise,
    Governance,
    Grade,
    ModifierRule,
    OutcomeMeasure,
    Protocol,
    SafetyRule,
    Severity,
    Source,
    Status,
)
from cds_service.knowledge.shapes import (
    Governed,
    MarkField,
    Shape,
    Whole,
    Words,
    YesNo,
    check_known,
    governance_of,
    read_shape,
)
from cds_service.patient.criteria import compile_condition
from cds_service.patient.known import Codelist, Known, Measure
from cds_service.patient.questions.arguments import Condition
from cds_service.yaml_text import PathKey, TextFile, read_yaml_text

PLACEHOLDERS = ("because", "value", "when", "what", "day", "week")
"""What a `say` may hold in braces: the reason in words, the first fact's value, its time, its name, the day after
surgery, the completed week."""
NOT_ALONE = "not_alone"
"""Not a tag of tags.yaml: stands for the exercises whose catalogue row says that they are not done alone."""
_RULE_ID = re.compile(r"(RF\d{2}|[A-Z]{2,3}\d{2,3}[A-Z]?)")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class _Adds(Shape):
    when = fields.Raw(required=True)
    say = Words(required=True)


class _Grade(Shape):
    id = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9_]+$"))
    when = fields.Raw(required=True)
    severity = fields.String(required=True, validate=validate.OneOf([one.value for one in Severity]))
    effect = fields.String(required=True, validate=validate.OneOf([one.value for one in Effect]))
    removes = fields.List(fields.String(), load_default=list)
    supervises = fields.List(fields.String(), load_default=list)
    removes_exercises = fields.List(fields.String(), load_default=list)
    shift_weeks = Whole(load_default=0)
    shift_tags = fields.List(fields.String(), load_default=list)
    sets_protocol = fields.String(load_default=None)
    no_progression = YesNo(load_default=False)
    say = Words(required=True)
    do = Words(required=True)
    adds = fields.List(fields.Nested(_Adds), load_default=list)
    unknown_matters = YesNo(load_default=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), required=True)


class _Rule(Shape):
    id = fields.String(required=True, validate=validate.Regexp(_RULE_ID.pattern + "$"))
    title = Words(required=True)
    applies = fields.Raw(required=True)
    grades = fields.List(fields.Nested(_Grade), required=True, validate=validate.Length(min=1))
    if_unknown = Words(required=True)
    unknown_group = Words(load_default=None)
    unknown_matters = YesNo(load_default=True)
    sources = fields.List(fields.String(), required=True)


class _RulesFile(Governed):
    rules = fields.List(fields.Nested(_Rule), required=True)


class _QualityRule(Shape):
    id = fields.String(required=True, validate=validate.Regexp(r"DQ\d{2}$"))
    title = Words(required=True)
    severity = fields.String(required=True, validate=validate.OneOf([one.value for one in Severity]))
    say = Words(required=True)


class _QualityFile(Governed):
    rules = fields.List(fields.Nested(_QualityRule), required=True)


class _ModifierShape(Shape):
    id = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9_]+$"))
    title = Words(required=True)
    when = fields.Raw(required=True)
    changes = fields.List(fields.String(validate=validate.OneOf(["list", "dose", "text"])), required=True)
    by_rule = fields.String(load_default=None)
    lowest_dose = YesNo(load_default=False)
    say = Words(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), required=True)


class _ModifiersFile(Governed):
    modifiers = fields.List(fields.Nested(_ModifierShape), required=True)


class _OutcomeShape(Shape):
    id = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9_]+$"))
    name = Words(required=True)
    measure = fields.String(required=True)
    important_change = Words(required=True)
    use = Words(required=True)
    review = fields.Nested(_Rule, load_default=None)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), required=True)


class _OutcomesFile(Governed):
    measures = fields.List(fields.Nested(_OutcomeShape), required=True)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a rule may name: measures and codelists, sources, tags, exercises, protocols."""

    known: Known
    sources: Mapping[str, Source]
    tags: Mapping[str, Any]
    exercises: Mapping[str, Exercise]
    protocols: Mapping[str, Protocol]


@dataclass(frozen=True, slots=True)
class SafetyKnowledge:
    """Everything of cards/ that judges a patient, as `load_safety` reads it."""

    rules: tuple[SafetyRule, ...] = ()
    data_quality: Mapping[str, DataQualityRule] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)
    codelists: Mapping[str, Codelist] = field(default_factory=dict)
    modifiers: tuple[ModifierRule, ...] = ()
    outcome_measures: tuple[OutcomeMeasure, ...] = ()
    tables: Mapping[str, Governance] = field(default_factory=dict)
    """Governance of the files that are not rules, by path in cards/."""


def load_safety(
    folder: Path,
    sources: Mapping[str, Source],
    tags: Mapping[str, Any],
    exercises: Mapping[str, Exercise],
    protocols: Mapping[str, Protocol],
    faults: list[Fault],
) -> SafetyKnowledge:
    """Read measures, codelists, safety rules, data-quality rules, modifiers and outcome measures of *folder*."""
    tables: dict[str, Governance] = {}
    measures = load_measures(folder, sources, tables, faults)
    codelists = load_codelists(folder, tables, faults)
    ground = Ground(Known(measures, codelists), sources, tags, exercises, protocols)
    rules = load_rules(folder, ground, faults)
    outcomes, reviews = load_outcome_measures(folder, ground, tables, faults)
    modifiers = load_modifiers(folder, ground, rules, tables, faults)
    return SafetyKnowledge(
        rules=tuple(
            rule for rule in _in_order((*rules, *reviews), faults) if rule.governance.status is not Status.RETIRED
        ),
        data_quality=load_data_quality(folder, tables, faults),
        measures=measures,
        codelists=codelists,
        modifiers=modifiers,
        outcome_measures=outcomes,
        tables=tables,
    )


def load_rules(folder: Path, known: Ground, faults: list[Fault]) -> tuple[SafetyRule, ...]:
    """Read every file of `safety/` into rules, by id; faults name file and line."""
    found: list[SafetyRule] = []
    for file in sorted((folder / "safety").glob("*.yaml")):
        text = read_yaml_text(file, f"safety/{file.name}")
        content = read_shape(_RulesFile(), text, faults)
        if content is None:
            continue
        governance = governance_of(content, text, (), faults)
        for index, body in enumerate(content["rules"]):
            found.append(_rule(body, ("rules", index), text, known, governance, faults))
    return _in_order(found, faults)


def _in_order(rules: Iterable[SafetyRule], faults: list[Fault]) -> tuple[SafetyRule, ...]:
    seen: dict[str, SafetyRule] = {}
    for rule in rules:
        if rule.id in seen:
            other = seen[rule.id]
            place = f"{rule.file}:{rule.line}"
            faults.append(
                Fault(place, f"the rule {rule.id} stands twice", "each id once", f"see {other.file}:{other.line}")
            )
        seen.setdefault(rule.id, rule)
    return tuple(sorted(seen.values(), key=lambda rule: rule.id))


def _rule(
    body: Mapping[str, Any], path: PathKey, text: TextFile, ground: Ground, governance: Governance, faults: list[Fault]
) -> SafetyRule:
    check_known(body["sources"], ground.sources, "source", text.place((*path, "sources")), faults)
    grades = tuple(
        _grade(grade, (*path, "grades", index), text, ground, faults) for index, grade in enumerate(body["grades"])
    )
    if len({grade.id for grade in grades}) < len(grades):
        faults.append(Fault(text.place((*path, "grades")), "two grades have the same id", "each id once in a rule"))
    return SafetyRule(
        id=body["id"],
        title=body["title"],
        applies=_condition(body["applies"], (*path, "applies"), text, ground, faults),
        grades=grades,
        if_unknown=body["if_unknown"],
        unknown_group=body["unknown_group"],
        sources=tuple(body["sources"]),
        governance=governance,
        file=text.name,
        line=text.line_of((*path, "id")),
        unknown_matters=body["unknown_matters"],
    )


def _grade(body: Mapping[str, Any], path: PathKey, text: TextFile, ground: Ground, faults: list[Fault]) -> Grade:
    check_known(body["sources"], ground.sources, "source", text.place((*path, "sources")), faults)
    for key in ("removes", "supervises", "shift_tags"):
        tags = [tag for tag in body[key] if not (key == "supervises" and tag == NOT_ALONE)]
        check_known(tags, ground.tags, "tag", text.place((*path, key)), faults)
    exercises = body["removes_exercises"]
    check_known(exercises, ground.exercises, "exercise", text.place((*path, "removes_exercises")), faults)
    if body["sets_protocol"] is not None:
        place = text.place((*path, "sets_protocol"))
        check_known([body["sets_protocol"]], ground.protocols, "protocol", place, faults)
    takes_away = body["removes"] or body["supervises"] or exercises or body["shift_tags"]
    if (body["effect"] == Effect.REMOVE.value) != bool(takes_away) and body["effect"] not in (
        "STOP_ALL",
        "BASELINE_ONLY",
    ):
        place = text.place((*path, "effect"))
        faults.append(Fault(place, f"effect {body['effect']} does not fit what the grade removes", "REMOVE with tags"))
    for word in _PLACEHOLDER.findall(body["say"]):
        if word not in PLACEHOLDERS:
            place = text.place((*path, "say"))
            faults.append(Fault(place, f"no placeholder {{{word}}}", "one of: " + ", ".join(PLACEHOLDERS)))
    adds = tuple(
        (_condition(one["when"], (*path, "adds", index, "when"), text, ground, faults), one["say"])
        for index, one in enumerate(body["adds"])
    )
    return Grade(
        id=body["id"],
        when=_condition(body["when"], (*path, "when"), text, ground, faults),
        severity=Severity(body["severity"]),
        effect=Effect(body["effect"]),
        removes=tuple(body["removes"]),
        supervises=tuple(body["supervises"]),
        removes_exercises=tuple(exercises),
        shift_weeks=body["shift_weeks"],
        shift_tags=tuple(body["shift_tags"]),
        say=body["say"],
        do=body["do"],
        mark=body["mark"],
        sources=tuple(body["sources"]),
        sets_protocol=body["sets_protocol"],
        unknown_matters=body["unknown_matters"],
        no_progression=body["no_progression"],
        adds=adds,
    )


def _condition(node: Any, path: PathKey, text: TextFile, ground: Ground, faults: list[Fault]) -> Condition:
    return compile_condition(node, ground.known, lambda inner: text.place((*path, *inner)), faults)


def load_data_quality(folder: Path, tables: dict[str, Governance], faults: list[Fault]) -> dict[str, DataQualityRule]:
    """Read `data_quality.yaml` into rules by id."""
    text = read_yaml_text(folder / "data_quality.yaml")
    content = read_shape(_QualityFile(), text, faults)
    if content is None:
        return {}
    governance = tables[text.name] = governance_of(content, text, (), faults)
    found: dict[str, DataQualityRule] = {}
    for index, body in enumerate(content["rules"]):
        if body["id"] in found:
            faults.append(Fault(text.place(("rules", index)), f"the rule {body['id']} stands twice", "each id once"))
        found[body["id"]] = DataQualityRule(
            body["id"], body["title"], Severity(body["severity"]), body["say"], governance
        )
    return found


def load_modifiers(
    folder: Path, ground: Ground, rules: Iterable[SafetyRule], tables: dict[str, Governance], faults: list[Fault]
) -> tuple[ModifierRule, ...]:
    """Read `modifiers.yaml`; a modifier that changes the list names the safety rule that does it."""
    text = read_yaml_text(folder / "modifiers.yaml")
    content = read_shape(_ModifiersFile(), text, faults)
    if content is None:
        return ()
    tables[text.name] = governance_of(content, text, (), faults)
    rule_ids = {rule.id: rule for rule in rules}
    found = []
    for index, body in enumerate(content["modifiers"]):
        path = ("modifiers", index)
        check_known(body["sources"], ground.sources, "source", text.place((*path, "sources")), faults)
        if body["by_rule"] is not None:
            check_known([body["by_rule"]], rule_ids, "safety rule", text.place((*path, "by_rule")), faults)
        elif "list" in body["changes"]:
            faults.append(
                Fault(
                    text.place((*path, "changes")), "changes the list without a rule", "by_rule: the rule that does it"
                )
            )
        if body["lowest_dose"] != ("dose" in body["changes"]):
            faults.append(
                Fault(text.place((*path, "changes")), "dose and lowest_dose do not fit together", "both or neither")
            )
        found.append(
            ModifierRule(
                body["id"],
                body["title"],
                _condition(body["when"], (*path, "when"), text, ground, faults),
                tuple(body["changes"]),
                body["by_rule"],
                body["lowest_dose"],
                body["say"],
                body["mark"],
                tuple(body["sources"]),
            )
        )
    return tuple(found)


def load_outcome_measures(
    folder: Path, ground: Ground, tables: dict[str, Governance], faults: list[Fault]
) -> tuple[tuple[OutcomeMeasure, ...], tuple[SafetyRule, ...]]:
    """Read `outcome_measures.yaml`: the measures, and the review rules some of them carry."""
    text = read_yaml_text(folder / "outcome_measures.yaml")
    content = read_shape(_OutcomesFile(), text, faults)
    if content is None:
        return (), ()
    governance = tables[text.name] = governance_of(content, text, (), faults)
    found: list[OutcomeMeasure] = []
    reviews: list[SafetyRule] = []
    for index, body in enumerate(content["measures"]):
        path = ("measures", index)
        check_known(body["sources"], ground.sources, "source", text.place((*path, "sources")), faults)
        check_known([body["measure"]], ground.known.measures, "measure", text.place((*path, "measure")), faults)
        if body["review"] is not None:
            reviews.append(_rule(body["review"], (*path, "review"), text, ground, governance, faults))
        found.append(
            OutcomeMeasure(
                body["id"],
                body["name"],
                body["measure"],
                body["important_change"],
                body["use"],
                body["mark"],
                tuple(body["sources"]),
            )
        )
    return tuple(found), tuple(reviews)
