"""The exercise catalogue: cards/exercises.csv and cards/tags.yaml, read together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from marshmallow import fields

from cds_service.errors import Fault
from cds_service.knowledge.csv_text import Row, read_csv_table
from cds_service.knowledge.model import Dosing, Exercise, Mark, Source, Span
from cds_service.knowledge.shapes import Governed, Shape, Words, check_known, governance_of, read_shape
from cds_service.knowledge.yaml_text import read_yaml_text

COLUMNS = (
    "id", "name", "category", "how", "target", "region", "spine_load", "do_not_use_when", "equipment", "supervision",
    "not_alone", "universal", "dose", "dose_mark", "sets", "reps", "hold_seconds", "minutes", "times_per_day",
    "days_per_week", "each_side", "snomed_code", "snomed_display", "snomed_fit", "sources",
)  # fmt: skip
CATEGORIES = (
    "breathing", "circulation", "ROM", "functional", "walking", "aerobic", "core", "flexibility", "upper body",
    "lower limb", "neural mobilisation", "balance",
)  # fmt: skip
_FITS = ("exact", "approximate", "generic", "none")
_SPANS = ("sets", "reps", "hold_seconds", "minutes", "times_per_day", "days_per_week")
_WORDED = ("name", "how", "target", "region", "spine_load", "do_not_use_when", "equipment", "supervision", "dose")


class _Tag(Shape):
    means = Words(required=True)
    exercises = fields.List(fields.String(), required=True)


class _Tags(Governed):
    tags = fields.Dict(keys=fields.String(), values=fields.Nested(_Tag), required=True)


def load_tags(folder: Path, faults: list[Fault]) -> Mapping[str, frozenset[str]]:
    """Read `tags.yaml`: tag -> ids of its exercises; an exercise listed twice under one tag is a fault."""
    text = read_yaml_text(folder / "tags.yaml")
    data = read_shape(_Tags(), text, faults)
    if data is None:
        return {}
    governance_of(data, text, (), faults)
    for tag, body in data["tags"].items():
        seen: set[str] = set()
        for index, exercise in enumerate(body["exercises"]):
            if exercise in seen:
                place = text.place(("tags", tag, "exercises", index))
                faults.append(Fault(place, f"{exercise!r} stands under {tag!r} twice", "each once"))
            seen.add(exercise)
    return {tag: frozenset(body["exercises"]) for tag, body in data["tags"].items()}


def load_exercises(
    folder: Path, tags: Mapping[str, frozenset[str]], sources: Mapping[str, Source], faults: list[Fault]
) -> Mapping[str, Exercise]:
    """Read `exercises.csv` of *folder* and give each exercise its tags."""
    rows = read_csv_table(folder / "exercises.csv", "exercises.csv", COLUMNS, "id", faults)
    exercises = {row["id"]: _exercise(row, tags, sources, faults) for row in rows}
    for tag, members in tags.items():
        check_known(sorted(members), exercises, "exercise", f"tags.yaml: tags.{tag}", faults)
    return exercises


def _exercise(
    row: Row, tags: Mapping[str, frozenset[str]], sources: Mapping[str, Source], faults: list[Fault]
) -> Exercise:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", row["id"]):
        faults.append(Fault(row.place, f"id {row['id']!r}", "small letters, digits and _"))
    for column in _WORDED:
        if row[column].lower() in ("", "-", "n/a", "tbd"):
            faults.append(Fault(row.place, f"the cell {column!r} says nothing", "a few plain words (none is a word)"))
    if row["category"] not in CATEGORIES:
        faults.append(Fault(row.place, f"category {row['category']!r}", ", ".join(CATEGORIES)))
    if row["snomed_fit"] not in _FITS:
        faults.append(Fault(row.place, f"snomed_fit {row['snomed_fit']!r}", ", ".join(_FITS)))
    if bool(row["snomed_code"]) != (row["snomed_fit"] != "none"):
        faults.append(Fault(row.place, "snomed_code and snomed_fit do not fit together", "a code, or snomed_fit none"))
    if bool(row["snomed_code"]) != bool(row["snomed_display"]):
        faults.append(Fault(row.place, "a code without a term", "snomed_code and snomed_display both, or neither"))
    listed = row.listed("sources")
    if not listed:
        faults.append(Fault(row.place, "no source", "at least one key of sources.csv"))
    check_known(listed, sources, "source", row.place, faults)
    return Exercise(
        id=row["id"],
        name=row["name"],
        how=row["how"],
        target=row["target"],
        region=row["region"],
        category=row["category"],
        spine_load=row["spine_load"],
        do_not_use_when=row["do_not_use_when"],
        equipment=row["equipment"],
        supervision=row["supervision"],
        snomed_code=row["snomed_code"] or None,
        snomed_display=row["snomed_display"] or None,
        dose=row["dose"],
        dose_mark=_mark(row, faults),
        sources=listed,
        tags=frozenset(tag for tag, members in tags.items() if row["id"] in members),
        universal=_yes(row, "universal", faults),
        not_alone=_yes(row, "not_alone", faults),
        dosing=Dosing(
            **{column: _span(row, column, faults) for column in _SPANS}, each_side=_yes(row, "each_side", faults)
        ),
        snomed_fit=row["snomed_fit"],
    )


def _mark(row: Row, faults: list[Fault]) -> Mark:
    try:
        return Mark(row["dose_mark"])
    except ValueError:
        faults.append(Fault(row.place, f"dose_mark {row['dose_mark']!r}", "V, D, M or SEC"))
        return Mark.D


def _yes(row: Row, column: str, faults: list[Fault]) -> bool:
    if row[column] not in ("yes", "no"):
        faults.append(Fault(row.place, f"{column} {row[column]!r}", "yes or no"))
    return row[column] == "yes"


def _span(row: Row, column: str, faults: list[Fault]) -> Span | None:
    cell = row[column]
    if not cell:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4})|(\+))?", cell)
    if found is None or (found[2] and int(found[2]) <= int(found[1])):
        faults.append(
            Fault(row.place, f"{column} {cell!r}", "a number, a range such as 8-12, or 4+", "or leave it empty")
        )
        return None
    low = int(found[1])
    return Span(low, None if found[3] else int(found[2] or low))
