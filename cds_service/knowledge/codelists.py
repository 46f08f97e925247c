"""Read measures and codelists: cards/measures.yaml, cards/codelists/lists.yaml and the code tables beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from cds_service.errors import Fault
from cds_service.knowledge.csv_text import read_csv_table
from cds_service.knowledge.model import Governance, Source
from cds_service.knowledge.shapes import (
    Governed,
    MarkField,
    Shape,
    Words,
    YesNo,
    check_known,
    governance_of,
    read_shape,
)
from cds_service.patient.known import Codelist, CodelistEntry, Conversion, Measure
from cds_service.yaml_text import read_yaml_text

MEASURES = "measures.yaml"
LISTS = "codelists/lists.yaml"
TABLES = ("codelists/cond_codes.csv", "codelists/drug_codes.csv")
_COLUMNS = ("list", "system", "code", "family", "term", "mark", "source")
_SYSTEMS = ("snomed", "icd10cm", "icd10", "loinc", "atc", "rxnorm")
_MARKS = ("V", "D", "M", "SEC")
_HOURS = {"hours": 1, "hour": 1, "days": 24, "day": 24, "years": 24 * 365, "year": 24 * 365}


class Number(fields.Field[float]):
    """A number with an optional point and sign, written in digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise ValidationError(f"{value!r} is not a number; write digits, the unit has its own key")
        return float(value)


class Duration(fields.Field[float]):
    """A length of time such as `24 hours`, `7 days`, `2 years`, given in hours; `any age` gives None."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float | None:  # type: ignore[override]
        if value == "any age":
            return None
        match = re.fullmatch(r"(\d+) (\w+)", value) if isinstance(value, str) else None
        if match is None or match[2] not in _HOURS:
            raise ValidationError(
                f"{value!r} is not a length of time; write for example 24 hours, 7 days, 2 years, any age"
            )
        return float(match[1]) * _HOURS[match[2]]


class _Possible(Shape):
    lowest = Number(required=True, data_key="from")
    highest = Number(required=True, data_key="to")


class _Conversion(Shape):
    unit = fields.String(required=True)
    factor = Number(required=True)
    add = Number(load_default=0.0)


class _Measure(Shape):
    name = Words(required=True)
    unit = fields.String(required=True)
    shown_unit = fields.String(load_default="")
    codes = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), load_default=dict)
    words = fields.List(Words(), load_default=list)
    only_with_words = fields.List(Words(), load_default=list)
    only_units = fields.List(fields.String(), load_default=list)
    possible = fields.Nested(_Possible, required=True)
    fresh_for = Duration(required=True)
    after_operation = YesNo(required=True)
    unit_may_be_missing = YesNo(load_default=False)
    fraction_is_percent = YesNo(load_default=False)
    conversions = fields.List(fields.Nested(_Conversion), load_default=list)
    unknown_group = Words(load_default=None)
    mark = MarkField(required=True)
    sources = fields.List(fields.String(), load_default=list)


class _Measures(Governed):
    measures = fields.Dict(keys=fields.String(), values=fields.Nested(_Measure), required=True)


class _List(Shape):
    name = Words(required=True)
    words = fields.List(Words(), load_default=list)


class _Lists(Governed):
    lists = fields.Dict(keys=fields.String(), values=fields.Nested(_List), required=True)


def load_measures(
    folder: Path, sources: Mapping[str, Source], tables: dict[str, Governance], faults: list[Fault]
) -> dict[str, Measure]:
    """Read `measures.yaml` into measures by id; its governance is added to *tables*."""
    text = read_yaml_text(folder / MEASURES)
    content = read_shape(_Measures(), text, faults)
    if content is None:
        return {}
    tables[MEASURES] = governance_of(content, text, (), faults)
    found: dict[str, Measure] = {}
    for key, body in content["measures"].items():
        path = ("measures", key)
        check_known(body["sources"], sources, "source", text.place((*path, "sources")), faults)
        if not body["codes"] and not body["words"]:
            faults.append(Fault(text.place(path), "neither codes nor words", "at least one way to recognise it"))
        for system in body["codes"]:
            if system not in _SYSTEMS:
                place = text.place((*path, "codes", system))
                faults.append(Fault(place, f"no code system {system!r}", "one of: " + ", ".join(_SYSTEMS)))
        found[key] = _measure(key, body)
    return found


def _measure(key: str, body: Mapping[str, Any]) -> Measure:
    return Measure(
        id=key,
        name=body["name"],
        codes=frozenset((system, code.upper()) for system, codes in body["codes"].items() for code in codes),
        unit=body["unit"],
        plausible_from=body["possible"]["lowest"],
        plausible_to=body["possible"]["highest"],
        fresh_hours=body["fresh_for"],
        must_follow_operation=body["after_operation"],
        unknown_group=body["unknown_group"],
        conversions=tuple(Conversion(one["unit"], one["factor"], one["add"]) for one in body["conversions"]),
        unit_may_be_missing=body["unit_may_be_missing"],
        fraction_is_percent=body["fraction_is_percent"],
        words=tuple(body["words"]),
        only_with_words=tuple(body["only_with_words"]),
        shown_unit=body["shown_unit"],
        only_units=tuple(body["only_units"]),
    )


def load_codelists(folder: Path, tables: dict[str, Governance], faults: list[Fault]) -> dict[str, Codelist]:
    """Read `codelists/lists.yaml` and the code tables beside it into codelists by id."""
    text = read_yaml_text(folder / LISTS, LISTS)
    content = read_shape(_Lists(), text, faults)
    if content is None:
        return {}
    governance = governance_of(content, text, (), faults)
    lists = content["lists"]
    tables[LISTS] = governance
    entries: dict[str, list[CodelistEntry]] = {key: [] for key in lists}
    for name in TABLES:
        tables[name] = governance
        _read_table(folder, name, entries, faults)
    for key, body in lists.items():
        if not entries[key] and not body["words"]:
            faults.append(
                Fault(text.place(("lists", key)), "neither codes nor words", "a code in a table, or words here")
            )
    return {key: Codelist(key, tuple(entries[key]), tuple(body["words"]), body["name"]) for key, body in lists.items()}


def _read_table(folder: Path, name: str, entries: dict[str, list[CodelistEntry]], faults: list[Fault]) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for row in read_csv_table(folder / name, name, _COLUMNS, None, faults):
        if row["list"] not in entries:
            faults.append(Fault(row.place, f"no list {row['list']!r}", f"a list of {LISTS}"))
            continue
        if row["system"] not in _SYSTEMS:
            faults.append(Fault(row.place, f"no code system {row['system']!r}", "one of: " + ", ".join(_SYSTEMS)))
        if row["mark"] not in _MARKS:
            faults.append(Fault(row.place, f"{row['mark']!r} is no mark", "one of: " + ", ".join(_MARKS)))
        if row["family"] not in ("yes", "no"):
            faults.append(Fault(row.place, f"family is {row['family']!r}", "yes or no"))
        if not row["code"] or not row["term"]:
            faults.append(Fault(row.place, "a code without its term, or a term without its code", "both"))
        key = (row["list"], row["system"], row["code"])
        if key in seen:
            faults.append(
                Fault(row.place, f"{row['code']} stands in {row['list']} twice", "each once", f"see {seen[key]}")
            )
            continue
        seen[key] = row.place
        entries[row["list"]].append(
            CodelistEntry(
                row["system"], row["code"].upper(), row["term"], row["mark"], row["source"], row["family"] == "yes"
            )
        )
