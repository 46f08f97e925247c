"""Read what cards/codelists says about operations: codes, ICD-10-PCS axes, classes, types. Concludes nothing about a patient."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from cds_service.errors import Fault
from cds_service.knowledge.vocabulary import Kept
from cds_service.knowledge.words import Words, load_words
from cds_service.patient.codes import CodeKey, normal_code

Row = TypeVar("Row")

YES = "yes"
NO = "no"
COMPANION = "companion"
UNLISTED = "unlisted"
UNLISTED_ANY = "unlisted_any"
_OPERATION = (YES, NO, COMPANION, UNLISTED, UNLISTED_ANY)
REGIONS = ("cervical", "cervicothoracic", "thoracic", "thoracolumbar", "lumbar", "lumbosacral", "sacral")
APPROACHES = ("anterior", "posterior", "lateral", "combined", "percutaneous", "endoscopic")
_SYSTEMS = ("cpt", "hcpcs", "icd9", "opcs4", "snomed", "loinc", "icd10cm", "icd10", "icd10pcs")
_ANY = "*"
_CONCLUSIONS_MOST = 2048
"""Conclusions that are kept; some 4 MB."""
_MARKS = ("V", "V2", "D", "M", "U", "SEC")


class LevelCount(NamedTuple):
    """How many motion segments: at least *least*, at most *most*; *most* None means no upper bound is told."""

    least: int
    most: int | None

    @property
    def is_exact(self) -> bool:
        return self.least == self.most


class SurgicalFact(NamedTuple):
    """What one code, phrase, site or device says of an operation. What it does not say is None.

    *operation* is yes | no | companion (speaks only beside another code) | unlisted (a spine operation without a
    description) | unlisted_any (any operation; the text must tell). *family* groups codes whose levels are counted
    together (a base code and its add-on codes). *names* are motion segments such as L5-S1.
    """

    system: str
    code: str
    term: str
    mark: str
    source: str
    operation: str
    surgery_class: str | None
    region: str | None
    fusion: bool | None
    approach: str | None
    technique: str | None
    instrumented: bool | None
    revision: bool | None
    family: str | None
    count: LevelCount | None
    names: tuple[str, ...]
    addon: bool
    say: str
    origin: str = "code"
    """code | text | site | reason | device"""

    @property
    def is_operation(self) -> bool:
        return self.operation in (YES, UNLISTED)


@dataclass(frozen=True, slots=True)
class PcsBodyPart:
    body_system: str
    body_part: str
    term: str
    kind: str
    region: str | None
    count: LevelCount | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PcsRule:
    """One row of the reading rules of ICD-10-PCS; None in an axis means any value. The first rule that fits speaks."""

    id: str
    root_operations: frozenset[str] | None
    kinds: Mapping[str, frozenset[str] | None] | None
    approaches: frozenset[str] | None
    devices: frozenset[str] | None
    qualifiers: frozenset[str] | None
    operation: str
    surgery_class: str | None
    fusion: bool | None
    instrumented: bool | None
    approach: str | None
    technique: str | None
    revision: bool | None
    say: str
    mark: str
    source: str

    @property
    def fits_anything(self) -> bool:
        axes = (self.root_operations, self.kinds, self.approaches, self.devices, self.qualifiers)
        return all(axis is None for axis in axes)

    def fits(self, part: PcsBodyPart, root: str, approach: str, device: str, qualifier: str) -> bool:
        """Tell whether this rule speaks for the code with these axes."""
        if self.kinds is not None:
            if part.kind not in self.kinds:
                return False
            letters = self.kinds[part.kind]
            if letters is not None and part.body_part not in letters:
                return False
        return (
            (self.root_operations is None or root in self.root_operations)
            and (self.approaches is None or approach in self.approaches)
            and (self.devices is None or device in self.devices)
            and (self.qualifiers is None or qualifier in self.qualifiers)
        )


@dataclass(frozen=True, slots=True)
class PcsAxes:
    """One row of the table of body system x root operation: which values the other axes take in valid codes."""

    body_system: str
    root_operation: str
    codes: int
    body_parts: tuple[str, ...]
    approaches: tuple[str, ...]
    devices: tuple[str, ...]
    qualifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SurgeryClass:
    """A kind of operation. Lower *rank* is the stricter; what it *subsumes* is part of it when done in one session."""

    id: str
    rank: int
    term: str
    subsumes: frozenset[str] | None
    """None: everything."""


@dataclass(frozen=True, slots=True)
class TypeRow:
    """Which surgery type a class in a region by an approach is; None fits anything, the first row that fits speaks.

    *also* are types whose limits hold as well (approach not told); *alternatives* is what it could also have been.
    """

    surgery_class: str
    region: str | None
    approach: str | None
    levels_at_least: int | None
    surgery_type: str
    also: tuple[str, ...]
    alternatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodedMeaning:
    """A code family and what it tells (site -> region, reason -> region, tumour kind)."""

    system: str
    code: str
    is_prefix: bool
    term: str
    value: str
    names: tuple[str, ...] = ()


class MeaningTable:
    """Codes and code families with what they tell; the longest family that fits speaks."""

    def __init__(self, entries: tuple[CodedMeaning, ...] = ()):
        self.entries = entries
        self._exact = {(one.system, one.code): one for one in entries if not one.is_prefix}
        self._families = {(one.system, one.code): one for one in entries if one.is_prefix}
        self._longest = max((len(one.code) for one in entries if one.is_prefix), default=0)

    def find(self, key: CodeKey) -> CodedMeaning | None:
        """Find what *key* tells; None where the table does not hold it."""
        found = self._exact.get(key)
        system, code = key
        length = min(len(code), self._longest)
        while found is None and length > 0:
            found = self._families.get((system, code[:length]))
            length -= 1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class SurgeryKnowledge:
    """All that is known about operations. Compared by identity, so that answers about a code may be kept."""

    codes: Mapping[CodeKey, SurgicalFact]
    pcs_parts: Mapping[tuple[str, str], PcsBodyPart]
    pcs_rules: Mapping[str, tuple[PcsRule, ...]]
    """Body system -> the rules that may speak there, in file order."""
    pcs_axes: tuple[PcsAxes, ...]
    pcs_values: Mapping[tuple[str, str], str]
    classes: Mapping[str, SurgeryClass]
    types: tuple[TypeRow, ...]
    types_of: Mapping[str, tuple[TypeRow, ...]]
    """Class -> its rows of *types*, in file order."""
    sites: MeaningTable
    reasons: MeaningTable
    tumours: MeaningTable
    categories: MeaningTable
    families: tuple[tuple[str, str, str], ...]
    """(system, first, last): ranges of codes that are spine operations even where we do not know the single code."""
    beside: tuple[tuple[str, str, str], ...]
    """(system, first, last): codes that are no spine operation but go along with one (imaging, monitoring, generator)."""
    other_bones: frozenset[str]
    """Words that place a bone metastasis somewhere else than in the spine."""
    spine_words: frozenset[str]
    words: Words
    """Word lists of the free-text grammar."""
    conclusions: Kept = field(default_factory=lambda: Kept(_CONCLUSIONS_MOST))
    """What was concluded from several facts before, each a code's or a title's without its words."""


class _Table:
    """One CSV file, read strictly: known columns, every fault with file and line."""

    def __init__(self, folder: Path, name: str, columns: tuple[str, ...], faults: list[Fault]):
        self.place = f"codelists/{name}"
        self.faults = faults
        self.rows: list[tuple[int, dict[str, str]]] = []
        file = folder / "codelists" / name
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            faults.append(Fault(self.place, "the file is missing", "a CSV file with its head line"))
            return
        except UnicodeDecodeError as error:
            faults.append(Fault(f"{self.place}:1", f"not UTF-8 at byte {error.start}", "a UTF-8 text file"))
            return
        reader = csv.reader(text.splitlines())
        head = tuple(next(reader, ()))
        if head != columns:
            faults.append(Fault(f"{self.place}:1", f"columns {','.join(head)}", ",".join(columns)))
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(columns):
                self.fault(reader.line_num, f"{len(cells)} cells", f"{len(columns)}")
                continue
            self.rows.append((reader.line_num, dict(zip(columns, (cell.strip() for cell in cells), strict=True))))

    def fault(self, line: int, what: str, expected: str) -> None:
        self.faults.append(Fault(f"{self.place}:{line}", what, expected))

    def one_of(self, line: int, row: dict[str, str], column: str, allowed: tuple[str, ...]) -> str | None:
        """Give the cell, None where it is empty; a word that is not allowed is a fault."""
        value = row[column]
        if value and value not in allowed:
            self.fault(line, f"{column} is {value!r}", "one of " + ", ".join(allowed))
            return None
        return value or None

    def yes_no(self, line: int, row: dict[str, str], column: str) -> bool | None:
        value = self.one_of(line, row, column, (YES, NO))
        return None if value is None else value == YES

    def count(self, line: int, row: dict[str, str], column: str = "levels") -> LevelCount | None:
        """Read `3`, `2+` (two or more) or `2-7`."""
        text = row[column]
        if not text:
            return None
        least, _, most = text.partition("-")
        try:
            if text.endswith("+"):
                return LevelCount(int(text[:-1]), None)
            return LevelCount(int(least), int(most or least))
        except ValueError:
            self.fault(line, f"{column} is {text!r}", "a number of levels: 3, 2+ or 2-7")
            return None

    def number(self, line: int, row: dict[str, str], column: str) -> int | None:
        text = row[column]
        if text and not text.isdigit():
            self.fault(line, f"{column} is {text!r}", "a whole number")
            return None
        return int(text) if text else None

    def read(self, build: Callable[[_Table, int, dict[str, str]], Row | None]) -> tuple[Row, ...]:
        for line, row in self.rows:
            self.one_of(line, row, "mark", _MARKS)
            if not row["mark"] or not row["source"]:
                self.fault(line, "mark or source is empty", "where the row comes from and how far it was verified")
        built = [build(self, line, row) for line, row in self.rows]
        return tuple(one for one in built if one is not None)


_CODE_COLUMNS = (
    "system", "code", "term", "mark", "source", "operation", "class", "region", "fusion", "approach", "technique",
    "instrumented", "revision", "family", "levels", "level_names", "addon",
)  # fmt: skip
_RULE_COLUMNS = (
    "id", "body_systems", "root_operations", "kinds", "approaches", "devices", "qualifiers", "operation", "class",
    "fusion", "instrumented", "approach", "technique", "revision", "say", "mark", "source",
)  # fmt: skip
_PART_COLUMNS = ("body_system", "body_part", "term", "kind", "region", "levels", "level_names", "mark", "source")
_AXES_COLUMNS = (
    "body_system", "root_operation", "codes_fy2024", "body_parts", "approaches", "devices", "qualifiers", "mark",
    "source",
)  # fmt: skip
_TYPE_COLUMNS = (
    "class", "region", "approach", "levels_at_least", "surgery_type", "also", "alternatives", "mark", "source",
)  # fmt: skip
_MEANING_COLUMNS = ("system", "code", "family", "term", "value", "level_names", "mark", "source")


def _range_row(table: _Table, line: int, row: dict[str, str]) -> tuple[str, str, str]:
    return row["system"], row["first"], row["last"]


def load_surgery(folder: Path, faults: list[Fault]) -> SurgeryKnowledge:
    """Read the operation tables under *folder*/codelists and the words under *folder*/words (*folder* is cards/).

    Faults are added to *faults* with file and line; the answer is then incomplete and must not be used.
    """
    classes = _table(folder, "surgery_classes.csv", ("class", "rank", "term", "subsumes", "mark", "source"), faults)
    class_rows = classes.read(_class_row)
    known = tuple(one.id for one in class_rows)
    codes: dict[CodeKey, SurgicalFact] = {}
    for file in sorted((folder / "codelists").glob("procedures_*.csv")):
        table = _table(folder, file.name, _CODE_COLUMNS, faults)
        for fact in table.read(lambda table, line, row: _code_row(table, line, row, known)):
            if (fact.system, fact.code) in codes:
                faults.append(Fault(table.place, f"{fact.system} {fact.code} stands twice", "each code once"))
            codes[fact.system, fact.code] = fact
    parts = _table(folder, "icd10pcs_body_parts.csv", _PART_COLUMNS, faults).read(_part_row)
    rules = _table(folder, "icd10pcs_rules.csv", _RULE_COLUMNS, faults).read(
        lambda table, line, row: _rule_row(table, line, row, known)
    )
    systems = {part.body_system for part in parts}
    axes = _table(folder, "icd10pcs_axes.csv", _AXES_COLUMNS, faults).read(_axes_row)
    values = _table(folder, "icd10pcs_values.csv", ("axis", "value", "term", "mark", "source"), faults).read(_value_row)
    types = _table(folder, "surgery_types.csv", _TYPE_COLUMNS, faults).read(
        lambda table, line, row: _type_row(table, line, row, known)
    )
    ranges = _table(folder, "surgery_ranges.csv", ("system", "first", "last", "mark", "source"), faults)
    beside = _table(folder, "surgery_beside.csv", ("system", "first", "last", "term", "mark", "source"), faults)
    bones = _table(folder, "surgery_bone_words.csv", ("word", "place", "mark", "source"), faults).read(
        lambda table, line, row: (row["word"], table.one_of(line, row, "place", ("spine", "other")) or "other")
    )
    pcs_rules = {one: tuple(rule for names, rule in rules if names is None or one in names) for one in systems}
    _check_complete(known, types, pcs_rules, faults)
    return SurgeryKnowledge(
        codes=codes,
        pcs_parts={(part.body_system, part.body_part): part for part in parts},
        pcs_rules=pcs_rules,
        pcs_axes=axes,
        pcs_values=dict(values),
        classes={one.id: one for one in class_rows},
        types=types,
        types_of={name: tuple(row for row in types if row.surgery_class == name) for name in known},
        sites=_meanings(folder, "surgery_sites.csv", faults),
        reasons=_meanings(folder, "surgery_reasons.csv", faults),
        tumours=_meanings(folder, "surgery_tumours.csv", faults),
        categories=_meanings(folder, "surgery_categories.csv", faults),
        families=ranges.read(_range_row),
        beside=beside.read(_range_row),
        other_bones=frozenset(word for word, place in bones if place == "other"),
        spine_words=frozenset(word for word, place in bones if place == "spine"),
        words=load_words(folder / "words", faults),
    )


def _check_complete(
    classes: tuple[str, ...], types: tuple[TypeRow, ...], rules: Mapping[str, tuple[PcsRule, ...]], faults: list[Fault]
) -> None:
    """Every class needs a row for any region, every body system a rule for any code: nothing may fall through."""
    whole = {
        row.surgery_class for row in types if (row.region, row.approach, row.levels_at_least) == (None, None, None)
    }
    for name in classes:
        if name not in whole:
            faults.append(
                Fault("codelists/surgery_types.csv", f"class {name} has no row for any region", f"{name},*,*,")
            )
    for system, ours in sorted(rules.items()):
        if not any(rule.fits_anything for rule in ours):
            place = "codelists/icd10pcs_rules.csv"
            faults.append(Fault(place, f"no rule of body system {system} fits every code", "* in each axis"))


def _table(folder: Path, name: str, columns: tuple[str, ...], faults: list[Fault]) -> _Table:
    return _Table(folder, name, columns, faults)


def _meanings(folder: Path, name: str, faults: list[Fault]) -> MeaningTable:
    return MeaningTable(_table(folder, name, _MEANING_COLUMNS, faults).read(_meaning_row))


def _class_row(table: _Table, line: int, row: dict[str, str]) -> SurgeryClass:
    subsumes = None if row["subsumes"] == _ANY else frozenset(row["subsumes"].split())
    return SurgeryClass(row["class"], table.number(line, row, "rank") or 0, row["term"], subsumes)


def _code_row(table: _Table, line: int, row: dict[str, str], classes: tuple[str, ...]) -> SurgicalFact:
    system = table.one_of(line, row, "system", _SYSTEMS) or ""
    return SurgicalFact(
        system=system,
        code=normal_code(system, row["code"]),
        term=row["term"],
        mark=row["mark"],
        source=row["source"],
        operation=table.one_of(line, row, "operation", _OPERATION) or NO,
        surgery_class=table.one_of(line, row, "class", classes),
        region=table.one_of(line, row, "region", REGIONS),
        fusion=table.yes_no(line, row, "fusion"),
        approach=table.one_of(line, row, "approach", APPROACHES),
        technique=row["technique"] or None,
        instrumented=table.yes_no(line, row, "instrumented"),
        revision=table.yes_no(line, row, "revision"),
        family=row["family"] or None,
        count=table.count(line, row),
        names=tuple(row["level_names"].split()),
        addon=table.yes_no(line, row, "addon") or False,
        say=row["term"],
    )


def _part_row(table: _Table, line: int, row: dict[str, str]) -> PcsBodyPart:
    return PcsBodyPart(
        body_system=row["body_system"],
        body_part=row["body_part"],
        term=row["term"],
        kind=row["kind"],
        region=table.one_of(line, row, "region", REGIONS),
        count=table.count(line, row),
        names=tuple(row["level_names"].split()),
    )


def _rule_row(
    table: _Table, line: int, row: dict[str, str], classes: tuple[str, ...]
) -> tuple[frozenset[str] | None, PcsRule]:
    rule = PcsRule(
        id=row["id"],
        root_operations=_letters(row["root_operations"]),
        kinds=_kinds(row["kinds"]),
        approaches=_letters(row["approaches"]),
        devices=_letters(row["devices"]),
        qualifiers=_letters(row["qualifiers"]),
        operation=table.one_of(line, row, "operation", (YES, NO)) or NO,
        surgery_class=table.one_of(line, row, "class", classes),
        fusion=table.yes_no(line, row, "fusion"),
        instrumented=table.yes_no(line, row, "instrumented"),
        approach=table.one_of(line, row, "approach", APPROACHES),
        technique=row["technique"] or None,
        revision=table.yes_no(line, row, "revision"),
        say=row["say"],
        mark=row["mark"],
        source=row["source"],
    )
    names = None if row["body_systems"] == _ANY else frozenset(row["body_systems"].split())
    return names, rule


def _letters(cell: str) -> frozenset[str] | None:
    return None if cell == _ANY else frozenset(cell.replace(" ", ""))


def _kinds(cell: str) -> Mapping[str, frozenset[str] | None] | None:
    """Read `joint disc` or `joint:01234` (joints with these body-part values only)."""
    if cell == _ANY:
        return None
    pairs = (word.partition(":") for word in cell.split())
    return {kind: frozenset(letters) if letters else None for kind, _, letters in pairs}


def _axes_row(table: _Table, line: int, row: dict[str, str]) -> PcsAxes:
    return PcsAxes(
        row["body_system"],
        row["root_operation"],
        table.number(line, row, "codes_fy2024") or 0,
        *(tuple(row[axis].split()) for axis in ("body_parts", "approaches", "devices", "qualifiers")),
    )


def _value_row(table: _Table, line: int, row: dict[str, str]) -> tuple[tuple[str, str], str]:
    return (row["axis"], row["value"]), row["term"]


def _type_row(table: _Table, line: int, row: dict[str, str], classes: tuple[str, ...]) -> TypeRow:
    return TypeRow(
        surgery_class=table.one_of(line, row, "class", classes) or "",
        region=None if row["region"] == _ANY else table.one_of(line, row, "region", REGIONS),
        approach=None if row["approach"] == _ANY else table.one_of(line, row, "approach", APPROACHES),
        levels_at_least=table.number(line, row, "levels_at_least"),
        surgery_type=row["surgery_type"],
        also=tuple(row["also"].split()),
        alternatives=tuple(row["alternatives"].split()),
    )


def _meaning_row(table: _Table, line: int, row: dict[str, str]) -> CodedMeaning:
    system = table.one_of(line, row, "system", _SYSTEMS) or ""
    return CodedMeaning(
        system=system,
        code=normal_code(system, row["code"]),
        is_prefix=table.yes_no(line, row, "family") or False,
        term=row["term"],
        value=row["value"],
        names=tuple(row["level_names"].split()),
    )
