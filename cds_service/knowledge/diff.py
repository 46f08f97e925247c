"""What changes for patients between two knowledge folders, in clinical words. Tells; judges only the direction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.knowledge.in_words import say_cell, say_condition, say_effect, say_restriction, say_weeks
from cds_service.knowledge.model import Exercise, Grade, Knowledge, Protocol, SafetyRule
from cds_service.knowledge.strictness import Strictness, of_conditions, of_first_weeks, of_grades, of_rules, of_setting


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: *where* (the operation, rule or table), *what* a clinician will see, and its direction."""

    where: str
    what: str
    strictness: Strictness


def diff_knowledge(old: Knowledge, new: Knowledge) -> tuple[Difference, ...]:
    """Compare *old* with *new*, file kind by file kind, in the order a clinician reads them."""
    found: list[Difference] = []
    for parts, compare in (
        ((old.protocols, new.protocols), _protocols),
        ((_by_id(old.rules), _by_id(new.rules)), _rules),
        ((old.exercises, new.exercises), _exercises),
        ((old.tags, new.tags), _tags),
        ((old.setting_notes, new.setting_notes), _settings),
        ((old.sources, new.sources), _sources),
    ):
        found += compare(*parts, old, new)  # type: ignore[operator]
    return tuple(found)


def _by_id(rules: Iterable[SafetyRule]) -> Mapping[str, SafetyRule]:
    return {rule.id: rule for rule in rules}


def _came_and_went(
    old: Mapping[str, Any], new: Mapping[str, Any], say: Callable[[str, bool], Difference]
) -> list[Difference]:
    gone = [say(key, False) for key in old if key not in new]
    return gone + [say(key, True) for key in new if key not in old]


def _protocols(
    old: Mapping[str, Protocol], new: Mapping[str, Protocol], before: Knowledge, after: Knowledge
) -> list[Difference]:
    def whole(key: str, came: bool) -> Difference:
        said = (
            "a new protocol: patients after this operation get its programme"
            if came
            else ("the protocol is gone: patients after this operation get no programme")
        )
        return Difference(key, said, Strictness.LOOSER if came else Strictness.STRICTER)

    found = _came_and_went(old, new, whole)
    for key in old:
        if key in new and old[key] != new[key]:
            found += [
                *_first_weeks(old[key], new[key], {**before.exercises, **after.exercises}),
                *_protocol_words(old[key], new[key]),
            ]
    return found


def _first_weeks(old: Protocol, new: Protocol, exercises: Mapping[str, Exercise]) -> list[Difference]:
    found = []
    for key, cell in old.first_weeks.items():
        other = new.first_weeks.get(key)
        if other is None or (cell.week, cell.permission) == (other.week, other.permission):
            continue
        said = f"{exercises[key].name}: {say_cell(other)} (was: {say_cell(cell)})"
        found.append(Difference(new.id, said, of_first_weeks(cell, other)))
    return found


def _protocol_words(old: Protocol, new: Protocol) -> list[Difference]:
    """Compare what stands beside the weeks: phases, restrictions, tests, status, whether the surgeon agrees first."""
    pairs: list[tuple[str, dict[str, str], dict[str, str]]] = [
        (
            "phase",
            {phase.id: f"{say_weeks(phase.from_week, phase.to_week)}, {phase.goal}" for phase in old.phases},
            {phase.id: f"{say_weeks(phase.from_week, phase.to_week)}, {phase.goal}" for phase in new.phases},
        ),
        (
            "restriction",
            {one.topic: say_restriction(one) for one in old.restrictions},
            {one.topic: say_restriction(one) for one in new.restrictions},
        ),
        (
            "test from",
            {f"{test.from_phase} to {test.to_phase}": test.say for test in old.progression},
            {f"{test.from_phase} to {test.to_phase}": test.say for test in new.progression},
        ),
        ("status", {"": old.governance.status.value}, {"": new.governance.status.value}),
        ("why", {"": old.why}, {"": new.why}),
    ]
    found = []
    for kind, before, after in pairs:
        for key in dict.fromkeys([*before, *after]):
            if before.get(key) != after.get(key):
                said = f"{kind} {key}".strip() + f": {after.get(key, 'gone')} (was: {before.get(key, 'nothing')})"
                found.append(Difference(new.id, said, Strictness.UNCLEAR))
    if old.agree_first != new.agree_first:
        said = "the surgeon has to agree first" if new.agree_first else "the programme may now be ordered"
        found.append(Difference(new.id, said, Strictness.STRICTER if new.agree_first else Strictness.LOOSER))
    return found


def _rules(old: Mapping[str, SafetyRule], new: Mapping[str, SafetyRule], *_: Knowledge) -> list[Difference]:
    def whole(key: str, came: bool) -> Difference:
        title = (new if came else old)[key].title
        said = f"{title}: {'a new rule' if came else 'the rule is gone'}"
        return Difference(key, said, Strictness.STRICTER if came else Strictness.LOOSER)

    found = _came_and_went(old, new, whole)
    for key in old:
        if key not in new or of_rules(old[key], new[key]) is Strictness.SAME:
            continue
        one, other = old[key], new[key]
        if one.applies != other.applies:
            said = f"{other.title}: applies where {say_condition(other.applies)} (was: {say_condition(one.applies)})"
            found.append(Difference(key, said, of_conditions(one.applies, other.applies)))
        if one.if_unknown != other.if_unknown:
            said = f"{other.title}: when unknown it says {other.if_unknown!r} (was: {one.if_unknown!r})"
            found.append(Difference(key, said, Strictness.UNCLEAR))
        found += _grades({grade.id: grade for grade in one.grades}, {grade.id: grade for grade in other.grades}, other)
    return found


def _grades(old: Mapping[str, Grade], new: Mapping[str, Grade], rule: SafetyRule) -> list[Difference]:
    def whole(key: str, came: bool) -> Difference:
        said = f"{rule.title}: step {key} {'is new' if came else 'is gone'}"
        return Difference(rule.id, said, Strictness.STRICTER if came else Strictness.LOOSER)

    found = _came_and_went(old, new, whole)
    if list(old) != list(new) and set(old) == set(new):
        found.append(Difference(rule.id, f"{rule.title}: the steps come in another order", Strictness.UNCLEAR))
    for key in old:
        if key in new and of_grades(old[key], new[key]) is not Strictness.SAME:
            said = f"{rule.title}: {_say_grade(new[key])} (was: {_say_grade(old[key])})"
            found.append(Difference(rule.id, said, of_grades(old[key], new[key])))
    return found


def _say_grade(grade: Grade) -> str:
    return f"{grade.severity.value} when {say_condition(grade.when)}; {say_effect(grade)}; says: {grade.say}; do: {grade.do}"


def _exercises(old: Mapping[str, Exercise], new: Mapping[str, Exercise], *_: Knowledge) -> list[Difference]:
    def whole(key: str, came: bool) -> Difference:
        said = f"{(new if came else old)[key].name}: {'a new exercise' if came else 'the exercise is gone'}"
        return Difference(key, said, Strictness.LOOSER if came else Strictness.STRICTER)

    found = _came_and_went(old, new, whole)
    for key in old:
        if key not in new:
            continue
        one, other = old[key], new[key]
        for name in ("name", "how", "dose", "do_not_use_when", "supervision", "equipment"):
            before, after = getattr(one, name), getattr(other, name)
            if before != after:
                said = f"{other.name}: {name.replace('_', ' ')}: {after} (was: {before})"
                found.append(Difference(key, said, Strictness.UNCLEAR))
        for name, stricter in (("universal", False), ("not_alone", True)):
            if getattr(one, name) != getattr(other, name):
                said = f"{other.name}: {name.replace('_', ' ')}: {'yes' if getattr(other, name) else 'no'}"
                direction = Strictness.STRICTER if getattr(other, name) is stricter else Strictness.LOOSER
                found.append(Difference(key, said, direction))
    return found


def _tags(old: Mapping[str, frozenset[str]], new: Mapping[str, frozenset[str]], *_: Knowledge) -> list[Difference]:
    found = []
    for tag in dict.fromkeys([*old, *new]):
        before, after = old.get(tag, frozenset()), new.get(tag, frozenset())
        for key in sorted(before ^ after):
            came = key in after
            said = f"rules that take away {tag.replace('_', ' ')} {'now' if came else 'no longer'} take away {key}"
            found.append(Difference(f"tag {tag}", said, Strictness.STRICTER if came else Strictness.LOOSER))
    return found


def _settings(old: Mapping[str, Any], new: Mapping[str, Any], *_: Knowledge) -> list[Difference]:
    found = []
    for key in old:
        if key in new and old[key].value != new[key].value:
            said = f"{new[key].say}: {new[key].value} {new[key].unit} (was: {old[key].value} {old[key].unit})"
            found.append(Difference(key, said, of_setting(key, old[key].value, new[key].value)))
    return found


def _sources(old: Mapping[str, Any], new: Mapping[str, Any], *_: Knowledge) -> list[Difference]:
    def whole(key: str, came: bool) -> Difference:
        return Difference(f"source {key}", "a new source" if came else "the source is gone", Strictness.UNCLEAR)

    found = _came_and_went(old, new, whole)
    for key in old:
        if key in new and old[key].citable != new[key].citable:
            said = f"{new[key].author}, {new[key].title}: {'may now' if new[key].citable else 'may no longer'} be cited"
            found.append(Difference(f"source {key}", said, Strictness.UNCLEAR))
    return found
