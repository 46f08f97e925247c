"""Read cards/normal_course.yaml: the usual course of a laboratory value after an operation, for pictures only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import fields, validate

from cds_service.errors import Fault
from cds_service.knowledge.model import Governance, Mark, NormalCourse
from cds_service.knowledge.shapes import (
    Governed,
    MarkField,
    Shape,
    Whole,
    Words,
    check_known,
    governance_of,
    read_shape,
)  # fmt: skip
from cds_service.knowledge.yaml_text import TextFile, read_yaml_text
from cds_service.patient.known import Measure

FILE = "normal_course.yaml"


class _Point(Shape):
    day = Whole(required=True)
    value = fields.Float(required=True)
    mark = MarkField(required=True)


class _After(Shape):
    surgery_type = Words(required=True)
    techniques = fields.List(fields.String(), load_default=list)


class _Course(Shape):
    kind = Words(required=True)
    operations = fields.List(fields.Nested(_After), required=True, validate=validate.Length(min=1))
    sources = fields.List(fields.String(), required=True, validate=validate.Length(min=1))
    points = fields.List(fields.Nested(_Point), required=True, validate=validate.Length(min=2))


class _HalfLife(Shape):
    value = fields.Float(required=True)
    unit = Words(required=True)
    sources = fields.List(fields.String(), required=True)


class _File(Governed):
    measure = Words(required=True)
    unit = Words(required=True)
    half_life = fields.Nested(_HalfLife, required=True)
    courses = fields.List(fields.Nested(_Course), required=True)


@dataclass(frozen=True, slots=True)
class Courses:
    """What the file holds; nothing, and no governance, where faults forbid it."""

    courses: tuple[NormalCourse, ...] = ()
    governance: Governance | None = None


def load_normal_course(
    folder: Path,
    protocols: Mapping[str, Any],
    sources: Mapping[str, Any],
    measures: Mapping[str, Measure],
    faults: list[Fault],
) -> Courses:
    """Read the file, or add every fault with file and line. Its unit must be the one the measure is kept in."""
    text: TextFile = read_yaml_text(folder / FILE)
    read = read_shape(_File(), text, faults)
    if read is None:
        return Courses()
    measure = measures.get(read["measure"])
    if measure is None or measure.unit != read["unit"]:
        expected = "a measure of measures.yaml, in its unit"
        faults.append(Fault(text.place(("measure",)), f"{read['measure']} in {read['unit']} is not measured", expected))
    for index, course in enumerate(read["courses"]):
        place = ("courses", index)
        check_known(course["sources"], sources, "source", text.place((*place, "sources")), faults)
        kinds = [one["surgery_type"] for one in course["operations"]]
        check_known(kinds, protocols, "surgery type", text.place((*place, "operations")), faults)
    return Courses(tuple(_course(read, course) for course in read["courses"]), governance_of(read, text, (), faults))


def _course(read: Mapping[str, Any], course: Mapping[str, Any]) -> NormalCourse:
    return NormalCourse(
        measure=read["measure"],
        kind=course["kind"],
        after=tuple((one["surgery_type"], tuple(one["techniques"])) for one in course["operations"]),
        points=tuple((one["day"], one["value"]) for one in course["points"]),
        computed=any(one["mark"] is Mark.D for one in course["points"]),
    )
