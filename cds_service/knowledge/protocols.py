"""One file per surgery type: cards/protocols/<ID>.yaml read into protocols; each exercise must have its one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import fields

from cds_service.errors import Fault
from cds_service.knowledge.model import (
    Exercise,
    FirstWeek,
    Mark,
    Permission,
    Phase,
    ProgressionTest,
    Protocol,
    Restriction,
    RestrictionStep,
    Source,
    Statement,
)  # fmt: skip
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
)  # fmt: skip
from cds_service.knowledge.yaml_text import PathKey, TextFile, read_yaml_text


def _ids() -> fields.List:
    return fields.List(fields.String(), load_default=list)


class _Phase(Shape):
    id = fields.String(required=True)
    from_week = Whole(required=True)
    to_week = Whole()
    goal = Words(required=True)


class _Weeks(Shape):
    from_week = Whole(required=True)
    exercises = _ids()
    supervised = _ids()


class _FirstWeeks(Shape):
    mark = MarkField(required=True)
    weeks = fields.List(fields.Nested(_Weeks), required=True)
    clearance = _ids()
    never = _ids()


class StepShape(Shape):
    from_week = Whole(required=True)
    to_week = Whole()
    say = Words(required=True)


class _Restriction(Shape):
    topic = Words(required=True)
    default = Words(required=True)
    steps = fields.List(fields.Nested(StepShape), required=True)
    source_range = Words(load_default="")
    mark = MarkField(required=True)
    sources = _ids()


class _Test(Shape):
    from_phase = fields.String(required=True)
    to_phase = fields.String(required=True)
    week = Whole()
    say = Words(required=True)
    mark = MarkField(required=True)
    sources = _ids()


class _Statement(Shape):
    say = Words(required=True)
    mark = MarkField(required=True)
    sources = _ids()
    from_week = Whole()
    to_week = Whole()


class _Protocol(Governed):
    id = fields.String(required=True)
    short = fields.String(required=True)
    name = Words(required=True)
    plain_name = Words(required=True)
    region = Words(required=True)
    operation_class = Words(required=True)
    fusion = YesNo(required=True)
    instrumented = Words(required=True)
    approach = Words(required=True)
    topic_code = fields.String()
    topic_term = Words()
    why = Words(required=True)
    why_sources = _ids()
    agree_first = YesNo(required=True)
    agree_first_why = Words(load_default="")
    phases = fields.List(fields.Nested(_Phase), required=True)
    first_weeks = fields.Nested(_FirstWeeks, required=True)
    restrictions = fields.List(fields.Nested(_Restriction), required=True)
    progression = fields.List(fields.Nested(_Test), required=True)
    walking = fields.List(fields.Nested(_Statement), load_default=list)
    evidence = fields.List(fields.Nested(_Statement), load_default=list)
    disagreement = Words(load_default="")
    defer = fields.List(Words(), load_default=list)


def load_protocols(
    folder: Path, exercises: Mapping[str, Exercise], sources: Mapping[str, Source], faults: list[Fault]
) -> Mapping[str, Protocol]:
    """Read every file of `protocols/`; the file's name is the protocol's id."""
    protocols: dict[str, Protocol] = {}
    files = sorted((folder / "protocols").glob("*.yaml"))
    if not files:
        faults.append(Fault("protocols", "no protocol here", "one file per surgery type"))
    for file in files:
        text = read_yaml_text(file, f"protocols/{file.name}")
        protocol = read_protocol(text, file.stem, exercises, sources, faults)
        if protocol is not None:
            protocols[protocol.id] = protocol
    return protocols


def read_protocol(
    text: TextFile, stem: str, exercises: Mapping[str, Exercise], sources: Mapping[str, Source], faults: list[Fault]
) -> Protocol | None:
    """Turn one file's text into a protocol; None where its shape is broken (the faults say how)."""
    data = read_shape(_Protocol(), text, faults)
    if data is None:
        return None
    if data["id"] != stem:
        faults.append(Fault(text.place(("id",)), f"id {data['id']!r} in the file {stem}.yaml", f"id: {stem}"))
    if ("topic_code" in data) != ("topic_term" in data):
        faults.append(Fault(text.place(("topic_code",)), "a code without a term", "topic_code and topic_term together"))
    if data["agree_first"] and not data["agree_first_why"]:
        faults.append(Fault(text.place(("agree_first",)), "agree_first: yes without a reason", "agree_first_why"))
    phases = _phases(data["phases"], text, faults)
    restrictions = tuple(
        _restriction(body, ("restrictions", index), text, sources, faults)
        for index, body in enumerate(data["restrictions"])
    )
    progression = tuple(
        _test(body, ("progression", index), phases, text, sources, faults)
        for index, body in enumerate(data["progression"])
    )
    walking = _statements(data["walking"], "walking", text, sources, faults)
    evidence = _statements(data["evidence"], "evidence", text, sources, faults)
    check_known(data["why_sources"], sources, "source", text.place(("why_sources",)), faults)
    cited = (*restrictions, *progression, *walking, *evidence)
    return Protocol(
        id=data["id"],
        short=data["short"],
        name=data["name"],
        plain_name=data["plain_name"],
        region=data["region"],
        operation_class=data["operation_class"],
        fusion=data["fusion"],
        instrumented=data["instrumented"],
        approach=data["approach"],
        why=data["why"],
        phases=phases,
        first_weeks=_first_weeks(data["first_weeks"], text, exercises, faults),
        restrictions=restrictions,
        progression=progression,
        disagreement=data["disagreement"],
        agree_first=data["agree_first"],
        agree_first_why=data["agree_first_why"],
        topic_code=data.get("topic_code"),
        topic_term=data.get("topic_term"),
        sources=tuple(dict.fromkeys([*data["why_sources"], *(key for item in cited for key in item.sources)])),
        governance=governance_of(data, text, (), faults),
        file=text.name,
        evidence=evidence,
        walking=walking,
        defer=tuple(data["defer"]),
    )


def _phases(bodies: list[dict[str, Any]], text: TextFile, faults: list[Fault]) -> tuple[Phase, ...]:
    phases = tuple(Phase(body["id"], body["from_week"], body.get("to_week"), body["goal"]) for body in bodies)
    ids = [phase.id for phase in phases]
    for index, phase in enumerate(phases):
        if phase.id in ids[:index]:
            faults.append(Fault(text.place(("phases", index, "id")), f"{phase.id!r} stands here twice", "each id once"))
    check_weeks([(phase.from_week, phase.to_week) for phase in phases], ("phases",), text, faults, must_stay_open=True)
    return phases


def check_weeks(
    weeks: list[tuple[int, int | None]], path: PathKey, text: TextFile, faults: list[Fault], must_stay_open: bool
) -> None:
    """Check that half-open intervals begin at week 0 and follow each other without gap or overlap."""
    expected: int | None = 0
    for index, (from_week, to_week) in enumerate(weeks):
        here = text.place((*path, index, "from_week"))
        if expected is None:
            faults.append(Fault(here, "comes after an interval without an end", "the open interval last"))
        elif from_week != expected:
            kind = "leaves a gap after" if from_week > expected else "overlaps"
            faults.append(Fault(here, f"from_week {from_week} {kind} the one before", f"from_week: {expected}"))
        if to_week is not None and to_week <= from_week:
            faults.append(
                Fault(text.place((*path, index, "to_week")), "ends before it begins", f"more than {from_week}")
            )
        expected = to_week
    if expected is not None and must_stay_open:
        faults.append(
            Fault(text.place(path), f"nothing is said from week {expected} on", "a last entry without to_week")
        )


def _first_weeks(
    body: dict[str, Any], text: TextFile, exercises: Mapping[str, Exercise], faults: list[Fault]
) -> Mapping[str, FirstWeek]:
    mark: Mark = body["mark"]
    found: dict[str, FirstWeek] = {}

    def put(exercise: str, permission: Permission, week: int | None, path: PathKey) -> None:
        place = text.place(("first_weeks", *path))
        check_known([exercise], exercises, "exercise", place, faults)
        if exercise in found:
            faults.append(Fault(place, f"{exercise!r} has two places in this protocol", "one first week each"))
        known = exercises.get(exercise)
        found[exercise] = FirstWeek(exercise, permission, week, mark, known.sources if known else ())

    weeks = [group["from_week"] for group in body["weeks"]]
    for index, group in enumerate(body["weeks"]):
        if group["from_week"] in weeks[:index]:
            place = text.place(("first_weeks", "weeks", index, "from_week"))
            faults.append(Fault(place, f"week {group['from_week']} stands here twice", "one block per week"))
        for key, permission in (("exercises", Permission.PLAIN), ("supervised", Permission.SUPERVISED)):
            for place_in_list, exercise in enumerate(group[key]):
                put(exercise, permission, group["from_week"], ("weeks", index, key, place_in_list))
    for key, permission in (("clearance", Permission.CLEARANCE), ("never", Permission.NEVER)):
        for place_in_list, exercise in enumerate(body[key]):
            put(exercise, permission, None, (key, place_in_list))
    missing = [exercise for exercise in exercises if exercise not in found]
    if missing:
        place = text.place(("first_weeks",))
        todo = "put each under a week, under clearance or under never"
        faults.append(Fault(place, f"no first week for {', '.join(missing)}", "a place for every exercise", todo))
    return found


def _restriction(
    body: dict[str, Any], path: PathKey, text: TextFile, sources: Mapping[str, Source], faults: list[Fault]
) -> Restriction:
    steps = tuple(RestrictionStep(step["from_week"], step.get("to_week"), step["say"]) for step in body["steps"])
    check_weeks(
        [(step.from_week, step.to_week) for step in steps], (*path, "steps"), text, faults, must_stay_open=False
    )
    _check_cited(body, path, text, sources, faults)
    return Restriction(
        body["topic"], body["default"], steps, body["source_range"], tuple(body["sources"]), body["mark"]
    )


def _test(
    body: dict[str, Any], path: PathKey, phases: tuple[Phase, ...], text: TextFile, sources: Mapping[str, Source],
    faults: list[Fault],
) -> ProgressionTest:  # fmt: skip
    starts = {phase.id: phase.from_week for phase in phases}
    for key in ("from_phase", "to_phase"):
        check_known([body[key]], starts, "phase", text.place((*path, key)), faults)
    week = body.get("week")
    if week is not None and week != starts.get(body["to_phase"], week):
        expected = f"week: {starts[body['to_phase']]} (where {body['to_phase']} begins)"
        faults.append(Fault(text.place((*path, "week")), f"the gate stands at week {week}", expected))
    _check_cited(body, path, text, sources, faults)
    return ProgressionTest(
        body["from_phase"], body["to_phase"], week, body["say"], tuple(body["sources"]), body["mark"]
    )


def _statements(
    bodies: list[dict[str, Any]], key: str, text: TextFile, sources: Mapping[str, Source], faults: list[Fault]
) -> tuple[Statement, ...]:
    for index, body in enumerate(bodies):
        _check_cited(body, (key, index), text, sources, faults)
    return tuple(
        Statement(body["say"], tuple(body["sources"]), body["mark"], body.get("from_week"), body.get("to_week"))
        for body in bodies
    )


def _check_cited(
    body: dict[str, Any], path: PathKey, text: TextFile, sources: Mapping[str, Source], faults: list[Fault]
) -> None:
    check_known(body["sources"], sources, "source", text.place((*path, "sources")), faults)
    if not body["sources"] and body["mark"] is Mark.V:
        expected = "at least one source, or mark D (our own default) or M (from memory)"
        faults.append(Fault(text.place(path), "marked V, but no source is named", expected))
