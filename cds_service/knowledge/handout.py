"""Read cards/handout: the words of the patient sheet in every language. All faults are told with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.figures import FILE as FIGURES_FILE
from cds_service.knowledge.figures import load_figures
from cds_service.knowledge.model import Exercise, Governance, Protocol, Source
from cds_service.knowledge.shapes import Governed, Shape, Words, check_known, governance_of, read_shape
from cds_service.knowledge.sheet import DangerSign, ExerciseWords, Sheets, SheetWords
from cds_service.knowledge.yaml_text import TextFile, read_yaml_text

FOLDER = "handout"
STRUCTURE = f"{FOLDER}/sheet.yaml"
LANGUAGES = ("en", "es", "de")
"""Every language has every word: a sheet that changes its language halfway warns nobody."""

PHRASES: Mapping[str, frozenset[str]] = {
    "language_name": frozenset(), "title": frozenset(), "your_operation": frozenset(), "your_weeks": frozenset(),
    "week_of_plan": frozenset({"week"}), "holds_until": frozenset({"first", "last"}),
    "holds_open": frozenset({"first"}), "after_that": frozenset(), "overrides": frozenset(),
    "surgeon_says": frozenset(), "clinic_phone": frozenset(), "agree_first": frozenset(), "before_you_start": frozenset(),
    "slow_and_easy": frozenset(), "breathe": frozenset(), "stop_title": frozenset(), "stop_pain": frozenset(),
    "stop_then": frozenset(), "exercises": frozenset(), "how": frozenset(), "how_much": frozenset(),
    "my_dose": frozenset(), "stop_if": frozenset(), "shown_first": frozenset(), "not_alone": frozenset(),
    "only_with_therapist": frozenset(), "supervised_title": frozenset(), "limits": frozenset(),
    "limits_local": frozenset(), "no_limits": frozenset(), "danger": frozenset(), "emergency": frozenset(),
    "emergency_do": frozenset(), "call": frozenset(), "call_do": frozenset(), "draft": frozenset(),
    "sources": frozenset(), "version": frozenset({"version"}), "picture_of": frozenset({"name"}),
    "picture_key": frozenset(),
}  # fmt: skip
"""Every phrase of the page, with the places it fills."""

DOSES: Mapping[str, frozenset[str]] = {
    "reps": frozenset({"n"}), "reps_each_side": frozenset({"n"}), "sets": frozenset({"n"}), "hold": frozenset({"n"}),
    "minutes": frozenset({"n"}), "once_a_day": frozenset(), "twice_a_day": frozenset(), "times_a_day": frozenset({"n"}),
    "daily": frozenset(), "days_a_week": frozenset({"n"}),
}  # fmt: skip

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_POUNDS = re.compile(r"\(\d+ lb\)")


# A rule that retires keeps its id, and the sign stays one: so the id is only looked at.
_RULE_ID = validate.Regexp(r"RF\d{2}\Z", error="no id of a safety rule")


class _Sign(Shape):
    id = fields.String(required=True)
    act = fields.String(required=True, validate=validate.OneOf(["emergency", "call"]))
    rules = fields.List(fields.String(validate=_RULE_ID), required=True, validate=validate.Length(min=1))
    surgery_types = fields.List(fields.String(), load_default=list)
    sources = fields.List(fields.String(), required=True, validate=validate.Length(min=1))


class _Stop(Shape):
    id = fields.String(required=True)
    exercises = fields.List(fields.String(), required=True, validate=validate.Length(min=1))


class _Structure(Governed):
    signs = fields.List(fields.Nested(_Sign), required=True, validate=validate.Length(min=1))
    stops = fields.List(fields.Nested(_Stop), required=True, validate=validate.Length(min=1))


class _ExerciseText(Shape):
    name = Words(required=True)
    steps = fields.List(Words(), required=True, validate=validate.Length(min=1, max=5))
    dose = Words(load_default=None)


def _texts() -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=Words(), required=True)


class _LanguageFile(Governed):
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    phrases = _texts()
    doses = _texts()
    operations = _texts()
    restrictions = _texts()
    stops = _texts()
    signs = _texts()
    exercises = fields.Dict(keys=fields.String(), values=fields.Nested(_ExerciseText), required=True)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read, and who answers for each file."""

    sheets: Sheets = Sheets()
    tables: Mapping[str, Governance] = field(default_factory=dict)


def load_handout(
    folder: Path,
    protocols: Mapping[str, Protocol],
    exercises: Mapping[str, Exercise],
    sources: Mapping[str, Source],
    faults: list[Fault],
) -> Loaded:
    """Read `handout/` and `figures.yaml` of *folder*; faults are appended, also for every missing translation."""
    tables: dict[str, Governance] = {}
    drawings = load_figures(folder, exercises, faults)
    if drawings.governance is not None:
        tables[FIGURES_FILE] = drawings.governance
    structure = _read_structure(folder, protocols, exercises, sources, tables, faults)
    languages = {}
    for language in LANGUAGES:
        name = f"{FOLDER}/{language}.yaml"
        text = read_yaml_text(folder / name, name)
        read = read_shape(_LanguageFile(), text, faults)
        if read is None:
            continue
        tables[name] = governance_of(read, text, (), faults)
        if read["language"] != language:
            faults.append(Fault(text.place(("language",)), f"{read['language']!r} in the file of {language!r}"))
        _check_language(read, text, protocols, exercises, structure, faults)
        languages[language] = _words(read)
    structure = structure or Sheets()
    sheets = Sheets(languages, structure.signs, structure.stops, drawings.postures, drawings.figures)
    return Loaded(sheets, tables)


def _read_structure(
    folder: Path,
    protocols: Mapping[str, Protocol],
    exercises: Mapping[str, Exercise],
    sources: Mapping[str, Source],
    tables: dict[str, Governance],
    faults: list[Fault],
) -> Sheets | None:
    text = read_yaml_text(folder / STRUCTURE, STRUCTURE)
    read = read_shape(_Structure(), text, faults)
    if read is None:
        return None
    tables[STRUCTURE] = governance_of(read, text, (), faults)
    for key in ("signs", "stops"):
        ids = [one["id"] for one in read[key]]
        for index, one in enumerate(ids):
            if one in ids[:index]:
                faults.append(
                    Fault(text.place((key, index, "id")), f"the id {one!r} stands here twice", "each id once")
                )
    for index, sign in enumerate(read["signs"]):
        for key, known, what in (("surgery_types", protocols, "protocol"), ("sources", sources, "source")):
            check_known(sign[key], known, what, text.place(("signs", index, key)), faults)
    stops: dict[str, tuple[str, ...]] = {}
    for index, stop in enumerate(read["stops"]):
        check_known(stop["exercises"], exercises, "exercise", text.place(("stops", index, "exercises")), faults)
        for exercise in stop["exercises"]:
            stops[exercise] = (*stops.get(exercise, ()), stop["id"])
    for exercise in exercises:
        if exercise not in stops:
            faults.append(Fault(text.place(("stops",)), f"{exercise} has no sign at which to stop", "one or more"))
    signs = tuple(
        DangerSign(
            one["id"],
            one["act"] == "emergency",
            tuple(one["rules"]),
            tuple(one["surgery_types"]),
            tuple(one["sources"]),
        )
        for one in read["signs"]
    )
    return Sheets(signs=signs, stops=stops)


def _check_language(
    read: Mapping[str, Any],
    text: TextFile,
    protocols: Mapping[str, Protocol],
    exercises: Mapping[str, Exercise],
    structure: Sheets | None,
    faults: list[Fault],
) -> None:
    said = {
        step.say: step for one in protocols.values() for restriction in one.restrictions for step in restriction.steps
    }
    wanted: list[tuple[str, Iterable[str], str]] = [
        ("phrases", PHRASES, "phrase of the page"),
        ("doses", DOSES, "part of a dose"),
        ("operations", protocols, "protocol"),
        ("exercises", exercises, "exercise"),
        ("restrictions", said, "restriction as a protocol says it"),
    ]
    if structure is not None:
        wanted.append(
            ("stops", {stop for stops in structure.stops.values() for stop in stops}, f"stop sign of {STRUCTURE}")
        )
        wanted.append(("signs", [sign.id for sign in structure.signs], f"danger sign of {STRUCTURE}"))
    for key, ids, what in wanted:
        known = set(ids)
        for one in sorted(known - set(read[key])):
            faults.append(
                Fault(text.place((key,)), f"{one!r} has no words in this language", f"words for every {what}")
            )
        for one in sorted(set(read[key]) - known):
            faults.append(
                Fault(text.place((key, one)), f"{one!r} is no {what} we know", todo="take it out or correct it")
            )
    for key, places in (("phrases", PHRASES), ("doses", DOSES)):
        for one in sorted(set(read[key]) & set(places)):
            found = _places(read[key][one])
            if found != places[one]:
                expected = ", ".join(f"{{{place}}}" for place in sorted(places[one])) or "no {places}"
                faults.append(Fault(text.place((key, one)), "the places to fill in do not fit", expected))
    for clinical, plain in read["restrictions"].items():
        _check_numbers(text.place(("restrictions", clinical)), plain, clinical, True, faults)
    for exercise, words in read["exercises"].items():
        place = text.place(("exercises", exercise))
        if exercise in exercises:
            one = exercises[exercise]
            _check_numbers(place, words["dose"] or "", one.dose, False, faults)
            _check_numbers(place, " ".join((words["name"], *words["steps"])), f"{one.name} {one.how}", False, faults)
            if words["dose"] is None and not is_countable(one):
                faults.append(
                    Fault(place, "the catalogue counts nothing here", "the dose in words, under the key dose")
                )


def is_countable(exercise: Exercise) -> bool:
    """True where the catalogue states numbers from which a dose can be said in any language."""
    dosing = exercise.dosing
    return any((dosing.reps, dosing.minutes, dosing.days_per_week))


def _places(text: str) -> frozenset[str] | None:
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return None


def _check_numbers(place: str, plain: str, clinical: str, all_of_them: bool, faults: list[Fault]) -> None:
    """No number may be invented on the way to plain words, and with *all_of_them* none but pounds may get lost."""
    here, there = _numbers(plain), _numbers(clinical)
    for number in sorted(here - there):
        faults.append(Fault(place, f"the number {number} does not stand in {clinical!r}", "the same numbers"))
    if all_of_them:
        for number in sorted(_numbers(_POUNDS.sub("", clinical)) - here):
            faults.append(Fault(place, f"the number {number} of {clinical!r} is lost", "the same numbers"))


def _numbers(text: str) -> set[str]:
    return {number.replace(",", ".") for number in _NUMBER.findall(text)}


def _words(read: Mapping[str, Any]) -> SheetWords:
    return SheetWords(
        language=read["language"],
        phrases=read["phrases"],
        doses=read["doses"],
        operations=read["operations"],
        exercises={
            key: ExerciseWords(one["name"], tuple(one["steps"]), one["dose"]) for key, one in read["exercises"].items()
        },
        restrictions=read["restrictions"],
        stops=read["stops"],
        signs=read["signs"],
    )
