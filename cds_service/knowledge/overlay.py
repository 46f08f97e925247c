"""A hospital's own changes on top of ours: stricter freely, looser only with a named approver and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from marshmallow import fields

from cds_service.errors import Fault
from cds_service.knowledge.clinical_path import MOST_CARDS
from cds_service.knowledge.in_words import say_cell, say_restriction
from cds_service.knowledge.model import (
    Dosing,
    Exercise,
    FirstWeek,
    Governance,
    Knowledge,
    LocalChange,
    Mark,
    Permission,
    ProgressionTest,
    Protocol,
    RestrictionStep,
    SafetyRule,
)  # fmt: skip
from cds_service.knowledge.protocols import StepShape, check_weeks
from cds_service.knowledge.rules import Ground, load_rules
from cds_service.knowledge.shapes import (
    NOBODY_YET,
    Governed,
    Shape,
    Whole,
    Words,
    YesNo,
    check_known,
    governance_of,
    read_shape,
)  # fmt: skip
from cds_service.knowledge.strictness import Strictness, of_first_weeks, of_rules, of_setting
from cds_service.knowledge.yaml_text import PathKey, TextFile, read_yaml_text


class _Change(Shape):
    protocol = fields.String()
    exercise = fields.String()
    from_week = Whole()
    supervised = YesNo()
    clearance = YesNo()
    never = YesNo()
    restriction = Words()
    default = Words()
    steps = fields.List(fields.Nested(StepShape))
    progression = Words()
    say = Words()
    number = fields.String()
    value = Whole()
    dose = Words()
    how = Words()
    rule = fields.String()
    approved_by = Words(load_default="")
    reason = Words(load_default="")


class _Overlay(Governed):
    name = Words(required=True)
    changes = fields.List(fields.Nested(_Change), required=True)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A local folder as read: its name, who answers for it, its changes with their places, its own rules."""

    name: str
    governance: Governance
    changes: tuple[tuple[dict[str, Any], PathKey], ...]
    rules: tuple[SafetyRule, ...]
    text: TextFile


# The keys that make a change of each kind, beside approved_by and reason.
_KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "first week": (frozenset({"protocol", "exercise"}), frozenset({"from_week", "supervised", "clearance", "never"})),
    "restriction": (frozenset({"protocol", "restriction"}), frozenset({"default", "steps"})),
    "progression test": (frozenset({"protocol", "progression"}), frozenset({"say"})),
    "number": (frozenset({"number"}), frozenset({"value"})),
    "exercise text": (frozenset({"exercise"}), frozenset({"dose", "how"})),
    "rule": (frozenset({"rule"}), frozenset()),
}


def read_overlay(folder: Path, ground: Ground, faults: list[Fault]) -> Overlay | None:
    """Read `overlay.yaml` and `safety/*.yaml` of *folder*; a knowledge file anywhere else is a fault, never passed over."""
    if not folder.is_dir():
        faults.append(Fault(str(folder), "there is no such overlay folder", "a folder with overlay.yaml"))
        return None
    text = read_yaml_text(folder / "overlay.yaml", "overlay.yaml")
    data = read_shape(_Overlay(), text, faults)
    _tell_strangers(folder, faults)
    rules = _local_rules(folder, ground, faults)
    if data is None:
        return None
    changes = tuple((change, ("changes", index)) for index, change in enumerate(data["changes"]))
    return Overlay(data["name"], governance_of(data, text, (), faults), changes, rules, text)


def _tell_strangers(folder: Path, faults: list[Fault]) -> None:
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        is_ours = name == "overlay.yaml" or file.parent == folder / "safety" and file.suffix == ".yaml"
        if file.suffix in (".yaml", ".yml", ".csv") and not is_ours:
            expected = "overlay.yaml, and safety/*.yaml for rules"
            faults.append(Fault(f"overlay/{name}", "this file would have no effect", expected, "move or rename it"))


def _local_rules(folder: Path, ground: Ground, faults: list[Fault]) -> tuple[SafetyRule, ...]:
    found: list[Fault] = []
    rules = load_rules(folder, ground, found)
    faults.extend(replace(fault, where=f"overlay/{fault.where}") for fault in found)
    return tuple(replace(rule, file=f"overlay/{rule.file}") for rule in rules)


def lay_over(knowledge: Knowledge, overlay: Overlay, faults: list[Fault]) -> Knowledge:
    """Give *knowledge* as the hospital of *overlay* uses it, and name every change; unapproved loosening is a fault."""
    work = _Work(knowledge, overlay, faults)
    for change, path in overlay.changes:
        work.apply(change, path)
    work.put_rules()
    return work.result()


def local_names(knowledge: Knowledge, starts: tuple[str, ...]) -> tuple[str, ...]:
    """Name the local protocols whose changes lie below one of *starts* (`LUM_FUS.`, `rules.RF10`); for cards to cite."""
    found = (name for path, name in knowledge.overlaid.items() if path.startswith(starts))
    return tuple(dict.fromkeys(found))


class _Work:
    """Holds the pieces that change while an overlay is laid over."""

    def __init__(self, knowledge: Knowledge, overlay: Overlay, faults: list[Fault]):
        self.knowledge = knowledge
        self.overlay = overlay
        self.faults = faults
        self.protocols: dict[str, Protocol] = dict(knowledge.protocols)
        self.exercises: dict[str, Exercise] = dict(knowledge.exercises)
        self.settings = dict(knowledge.settings)
        self.notes = dict(knowledge.setting_notes)
        self.rules = {rule.id: rule for rule in knowledge.rules}
        self.approvals: dict[str, tuple[dict[str, Any], PathKey]] = {}
        self.changes: list[LocalChange] = []

    def fault(self, path: PathKey, what: str, expected: str = "", todo: str = "") -> None:
        self.faults.append(Fault(self.overlay.text.place(path), what, expected, todo))

    def apply(self, change: dict[str, Any], path: PathKey) -> None:
        keys = frozenset(key for key, value in change.items() if key not in ("approved_by", "reason") and value != "")
        for kind, (needed, content) in _KINDS.items():
            if needed <= keys and keys <= needed | content and (keys & content or not content):
                getattr(self, "_" + kind.replace(" ", "_"))(change, path)
                return
        kinds = "; ".join(
            f"{kind}: {', '.join(sorted(needed | content))}" for kind, (needed, content) in _KINDS.items()
        )
        self.fault(path, f"these keys make no change we know: {', '.join(sorted(keys))}", kinds)

    def _known(self, key: str, known: Mapping[str, Any], what: str, path: PathKey) -> bool:
        check_known([key], known, what, self.overlay.text.place(path), self.faults)
        return key in known

    def _first_week(self, change: dict[str, Any], path: PathKey) -> None:
        if not self._known(change["protocol"], self.protocols, "protocol", (*path, "protocol")):
            return
        protocol = self.protocols[change["protocol"]]
        if not self._known(change["exercise"], protocol.first_weeks, "exercise", (*path, "exercise")):
            return
        before = protocol.first_weeks[change["exercise"]]
        permission, week = self._wanted(change, before)
        if permission in (Permission.PLAIN, Permission.SUPERVISED) and week is None:
            self.fault(path, "no first week", "from_week, or clearance: yes, or never: yes")
            return
        after = FirstWeek(before.exercise, permission, week, Mark.D, ())
        cells = {**protocol.first_weeks, before.exercise: after}
        self.protocols[protocol.id] = replace(protocol, first_weeks=cells)
        self.note(
            f"{protocol.id}.first_weeks.{before.exercise}",
            f"{protocol.plain_name}: first week of {self.exercises[before.exercise].name}",
            say_cell(before), say_cell(after), of_first_weeks(before, after), change, path,
        )  # fmt: skip

    @staticmethod
    def _wanted(change: dict[str, Any], before: FirstWeek) -> tuple[Permission, int | None]:
        if change.get("never"):
            return Permission.NEVER, None
        if change.get("clearance"):
            return Permission.CLEARANCE, None
        supervised = change.get("supervised", before.permission is Permission.SUPERVISED)
        week: int | None = change.get("from_week", before.week)
        return (Permission.SUPERVISED if supervised else Permission.PLAIN), week

    def _restriction(self, change: dict[str, Any], path: PathKey) -> None:
        if not self._known(change["protocol"], self.protocols, "protocol", (*path, "protocol")):
            return
        protocol = self.protocols[change["protocol"]]
        topics = {restriction.topic: restriction for restriction in protocol.restrictions}
        if not self._known(change["restriction"], topics, "restriction", (*path, "restriction")):
            return
        before = topics[change["restriction"]]
        after = replace(before, default=change.get("default", before.default), mark=Mark.D, sources=())
        if "steps" in change:
            steps = tuple(RestrictionStep(s["from_week"], s.get("to_week"), s["say"]) for s in change["steps"])
            weeks = [(step.from_week, step.to_week) for step in steps]
            check_weeks(weeks, (*path, "steps"), self.overlay.text, self.faults, must_stay_open=False)
            after = replace(after, steps=steps)
        self.protocols[protocol.id] = replace(
            protocol, restrictions=tuple(after if one is before else one for one in protocol.restrictions)
        )
        self.note(
            f"{protocol.id}.restrictions.{before.topic}",
            f"{protocol.plain_name}: {before.topic}",
            say_restriction(before), say_restriction(after), Strictness.UNCLEAR, change, path,
        )  # fmt: skip

    def _progression_test(self, change: dict[str, Any], path: PathKey) -> None:
        if not self._known(change["protocol"], self.protocols, "protocol", (*path, "protocol")):
            return
        protocol = self.protocols[change["protocol"]]
        tests = {f"{test.from_phase} to {test.to_phase}": test for test in protocol.progression}
        if not self._known(change["progression"], tests, "progression test", (*path, "progression")):
            return
        before: ProgressionTest = tests[change["progression"]]
        after = replace(before, say=change["say"], mark=Mark.D, sources=())
        self.protocols[protocol.id] = replace(
            protocol, progression=tuple(after if one is before else one for one in protocol.progression)
        )
        self.note(
            f"{protocol.id}.progression.{change['progression']}",
            f"{protocol.plain_name}: test from {change['progression']}",
            before.say, after.say, Strictness.UNCLEAR, change, path,
        )  # fmt: skip

    def _number(self, change: dict[str, Any], path: PathKey) -> None:
        key = change["number"]
        if not self._known(key, self.notes, "number", (*path, "number")):
            return
        if key == "max_cards" and change["value"] > MOST_CARDS:
            self.fault((*path, "value"), "too many cards", f"at most {MOST_CARDS}")
        before = self.notes[key]
        self.notes[key] = replace(before, value=change["value"], mark=Mark.D, sources=())
        self.settings[key] = change["value"]
        self.note(
            f"numbers.{key}", f"number {key} ({before.say})", f"{before.value} {before.unit}",
            f"{change['value']} {before.unit}", of_setting(key, before.value, change["value"]), change, path,
        )  # fmt: skip

    def _exercise_text(self, change: dict[str, Any], path: PathKey) -> None:
        if not self._known(change["exercise"], self.exercises, "exercise", (*path, "exercise")):
            return
        before = self.exercises[change["exercise"]]
        after = replace(before, dose=change.get("dose", before.dose), how=change.get("how", before.how))
        if "dose" in change:  # the countable parts belong to the text that is gone
            after = replace(after, dosing=Dosing(), dose_mark=Mark.D)
        self.exercises[before.id] = after
        for key in ("dose", "how"):
            if key in change:
                self.note(
                    f"exercises.{before.id}.{key}", f"{before.name}: {key}", getattr(before, key), change[key],
                    Strictness.UNCLEAR, change, path,
                )  # fmt: skip

    def _rule(self, change: dict[str, Any], path: PathKey) -> None:
        if self._known(
            change["rule"], {rule.id: rule for rule in self.overlay.rules}, "rule of safety/ in this overlay", path
        ):
            self.approvals[change["rule"]] = (change, path)

    def put_rules(self) -> None:
        """Put the overlay's own rules in place of ours of the same id; a new id is one rule more."""
        for rule in self.overlay.rules:
            before = self.rules.get(rule.id)
            strictness = Strictness.STRICTER if before is None else of_rules(before, rule)
            change, path = self.approvals.get(rule.id, ({"approved_by": "", "reason": ""}, ()))
            self.rules[rule.id] = rule
            ours = "no such rule" if before is None else f"as in {before.file}"
            self.note(
                f"rules.{rule.id}", f"safety rule {rule.id} ({rule.title})", ours, f"as in {rule.file}",
                strictness, change, path,
            )  # fmt: skip

    def note(
        self, key: str, what: str, ours: str, theirs: str, strictness: Strictness, change: dict[str, Any], path: PathKey
    ) -> None:
        """Record a change; one that is looser, or cannot be compared, needs who approved it and why."""
        if strictness is Strictness.SAME:
            self.fault(path, f"{what} is the same as ours ({ours})", "a difference", "take the entry out")
            return
        approved = change["approved_by"] not in ("", NOBODY_YET) and change["reason"] != ""
        if strictness is not Strictness.STRICTER and not approved:
            kind = (
                "looser than ours" if strictness is Strictness.LOOSER else "a change whose strictness we cannot judge"
            )
            self.fault(
                path,
                f"{what}: {theirs} instead of {ours} is {kind}",
                "approved_by (a named clinician) and reason",
                f"add both{'' if not key.startswith('rules.') else ' in an entry with rule: ' + key[6:]}, or take it out",
            )
        self.changes.append(
            LocalChange(
                key,
                what,
                ours,
                theirs,
                strictness.value,
                change["approved_by"],
                change["reason"],
                self.overlay.text.place(path),
            )  # fmt: skip
        )

    def result(self) -> Knowledge:
        return replace(
            self.knowledge,
            protocols=self.protocols,
            exercises=self.exercises,
            settings=self.settings,
            setting_notes=self.notes,
            rules=tuple(self.rules.values()),
            overlay=self.overlay.name,
            overlaid={change.path: self.overlay.name for change in self.changes},
            local_changes=tuple(self.changes),
            tables={**self.knowledge.tables, "overlay.yaml": self.overlay.governance},
        )
