"""The numbers and lists of the clinical path that are no rule: cards/clinical_path.yaml and cards/knowledge.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import fields

from cds_service.errors import Fault
from cds_service.knowledge.model import Governance, Setting, Source, Statement
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
from cds_service.knowledge.yaml_text import PathKey, TextFile, read_yaml_text

REQUIRED_NUMBERS = {
    "staged_fusion_days": "days",
    "old_operation_weeks": "weeks",
    "same_operation_days": "days",
    "healed_operation_weeks": "weeks",
    "programme_size": "exercises",
    "max_cards": "cards",
    "in_progress_post_op_day": "days",
    "adult_from_years": "years",
    "long_fusion_levels": "levels",
    "pool_week": "weeks",
    "first_dose_weeks": "weeks",
}

MOST_CARDS = 3
"""A promise of the product, not of a hospital: an answer never holds more cards than this."""


class _Number(Shape):
    value = Whole(required=True)
    unit = Words(required=True)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)
    say = Words(required=True)


class _Sentence(Shape):
    say = Words(required=True)
    from_week = Whole()
    to_week = Whole()
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)


class _Ladder(_Sentence):
    kind = Words(required=True)


class _ClinicalPath(Governed):
    numbers = fields.Dict(keys=fields.String(), values=fields.Nested(_Number), required=True)
    dose_ladder = fields.List(fields.Nested(_Ladder), required=True)
    walking = fields.List(fields.Nested(_Sentence), load_default=list)
    evidence = fields.List(fields.Nested(_Sentence), load_default=list)
    defer = fields.List(Words(), required=True)


class _Notes(Governed):
    version = fields.String(required=True)
    title = Words(required=True)
    about = Words(required=True)
    licence = Words(required=True)
    attribution = fields.List(Words(), required=True)
    tables = fields.Dict(keys=fields.String(), values=fields.Nested(Governed), required=True)


@dataclass(frozen=True, slots=True)
class ClinicalPath:
    """What `clinical_path.yaml` says; *governance* is None where the file could not be read."""

    numbers: Mapping[str, Setting]
    dose_ladder: tuple[Statement, ...]
    walking: tuple[Statement, ...]
    evidence: tuple[Statement, ...]
    defer: tuple[str, ...]
    governance: Governance | None


@dataclass(frozen=True, slots=True)
class Notes:
    """What `knowledge.yaml` says of the whole folder."""

    version: str
    words: Mapping[str, str]
    tables: Mapping[str, Governance]


def load_clinical_path(folder: Path, sources: Mapping[str, Source], faults: list[Fault]) -> ClinicalPath:
    """Read `clinical_path.yaml`; a number the service needs that is missing, or in another unit, is a fault."""
    text = read_yaml_text(folder / "clinical_path.yaml")
    data = read_shape(_ClinicalPath(), text, faults)
    if data is None:
        return ClinicalPath({}, (), (), (), (), None)
    numbers = {
        key: Setting(key, body["value"], body["unit"], body["mark"], tuple(body["sources"]), body["say"])
        for key, body in data["numbers"].items()
    }
    for key, unit in REQUIRED_NUMBERS.items():
        if key not in numbers:
            faults.append(Fault(text.place(("numbers",)), f"the number {key!r} is missing", f"{key} in {unit}"))
        elif numbers[key].unit != unit:
            place = text.place(("numbers", key, "unit"))
            faults.append(Fault(place, f"the unit of {key!r} is {numbers[key].unit!r}", unit))
    if "max_cards" in numbers and numbers["max_cards"].value > MOST_CARDS:
        faults.append(Fault(text.place(("numbers", "max_cards", "value")), "too many cards", f"at most {MOST_CARDS}"))
    for key, setting in numbers.items():
        _check_sources(setting.sources, ("numbers", key), text, sources, faults)
    return ClinicalPath(
        numbers=numbers,
        dose_ladder=_statements(data["dose_ladder"], "dose_ladder", text, sources, faults),
        walking=_statements(data["walking"], "walking", text, sources, faults),
        evidence=_statements(data["evidence"], "evidence", text, sources, faults),
        defer=tuple(data["defer"]),
        governance=governance_of(data, text, (), faults),
    )


def _statements(
    bodies: list[dict[str, Any]], key: str, text: TextFile, sources: Mapping[str, Source], faults: list[Fault]
) -> tuple[Statement, ...]:
    for index, body in enumerate(bodies):
        _check_sources(tuple(body["sources"]), (key, index), text, sources, faults)
    return tuple(
        Statement(
            body["say"],
            tuple(body["sources"]),
            body["mark"],
            body.get("from_week"),
            body.get("to_week"),
            body.get("kind", ""),
        )
        for body in bodies
    )


def _check_sources(
    keys: tuple[str, ...], path: PathKey, text: TextFile, sources: Mapping[str, Source], faults: list[Fault]
) -> None:
    check_known(keys, sources, "source", text.place((*path, "sources")), faults)


def load_notes(folder: Path, faults: list[Fault]) -> Notes:
    """Read `knowledge.yaml`: version, title, licence, and the governance of tables that have no keys of their own."""
    text = read_yaml_text(folder / "knowledge.yaml")
    data = read_shape(_Notes(), text, faults)
    if data is None:
        return Notes("", {}, {})
    if not re.fullmatch(r"\d{4}\.\d{1,3}", data["version"]):
        faults.append(Fault(text.place(("version",)), f"version {data['version']!r}", "year.number, such as 2026.1"))
    governance_of(data, text, (), faults)
    tables = {}
    for name, body in data["tables"].items():
        tables[name] = governance_of(body, text, ("tables", name), faults)
        if not (folder / name).exists():
            faults.append(Fault(text.place(("tables", name)), f"there is no {name}", "a file or folder under cards/"))
    words = {key: data[key] for key in ("title", "about", "licence")}
    words["attribution"] = "\n".join(data["attribution"])
    return Notes(data["version"], words, tables)
