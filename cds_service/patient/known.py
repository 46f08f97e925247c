"""What we know how to recognise: measures with their codes and units, codelists, and the index that finds both fast.

Values handed up from the knowledge files; holds no clinical number of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cds_service.patient.codes import CodeKey
from cds_service.patient.record import Coding, Concept


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion no unit library can know (moles to mass): ours = value x *factor* + *add*."""

    unit: str
    factor: float
    add: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A measurable thing: its codes, the unit our thresholds are written in, and how old a value may be.

    There is one for each id in a knowledge base, so no two need be compared but by which they are.
    """

    id: str
    name: str
    codes: frozenset[tuple[str, str]]
    unit: str
    plausible_from: float
    plausible_to: float
    fresh_hours: float | None
    must_follow_operation: bool
    """True: a value dated before the operation is ignored (DQ10). False for DXA, HbA1c and the like."""
    unknown_group: str | None = None
    conversions: tuple[Conversion, ...] = ()
    unit_may_be_missing: bool = False
    """Scores, ratios and T-scores are sent without a unit; everything else without a unit is ignored (DQ09)."""
    fraction_is_percent: bool = False
    """A value from 0 to 1 is a fraction of 100 %."""
    words: tuple[str, ...] = ()
    """Words by which an Observation without a LOINC or SNOMED code is recognised; empty means by code only."""
    only_with_words: tuple[str, ...] = ()
    """Only Observations that name one of these (site, code text, note); empty means all."""
    shown_unit: str = ""
    """How the unit is written for people; empty means as *unit*."""
    only_units: tuple[str, ...] = ()
    """Codes shared with another quantity: only values in one of these units are read, others are passed over."""


@dataclass(frozen=True, slots=True)
class CodelistEntry:
    system: str
    code: str
    term: str
    mark: str
    source: str
    is_prefix: bool = False
    """The code is a family (I82.4-): every code that begins so belongs to it."""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Codelist:
    id: str
    entries: tuple[CodelistEntry, ...]
    words: tuple[str, ...] = ()
    """Plain-language words by which a text-only Condition is recognised; may be empty."""
    name: str = ""
    """What the list means, in words for a sentence ("foot drop or paralysis"); empty means the id."""


_ICD = re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")
_SNOMED = re.compile(r"\d{6,18}")
_WORD = re.compile(r"\w+")
# What is said before a finding that makes it none. "No improvement of" and "not ruled out" leave it standing.
_NEGATED = re.compile(
    r"\b(?:(?:no|not)\b(?! (?:improv|chang|better|resol|settl|relie|recover|ruled out|excluded|only|just|sure))"
    r"|without\b|denies\b|denied\b|negative for\b|free of\b|(?<!not )(?<!not been )ruled out\b"
    r"|screening for\b|risk of\b|risk for\b|family\b|familial\b|fh\b|mother|father|history of\b|h/o\b)[^.;,]{0,40}$"
    r"|\b(?:non|ex|never|former)[- ]$"
)
_NOT_THE_THING = re.compile(r"\s*:?\s*(?:prophyla|screening|test\b|risk\b|ruled out|excluded)")
"""What is said behind a finding that makes it none: "DVT prophylaxis", "DVT ruled out"."""


def match_key(coding: Coding) -> CodeKey:
    """Give the pair by which codelists are searched: ICD-10 and ICD-10-CM as one, dots dropped.

    A coding without any system is read by its shape, because a red flag must not hide behind a missing URI.
    """
    system, code = coding.key
    if not system and not coding.system:
        if _ICD.fullmatch(code):
            system = "icd10"
        elif _SNOMED.fullmatch(code):
            system = "snomed"
    return normal_key(system, code)


def normal_key(system: str, code: str) -> CodeKey:
    if system in ("icd10", "icd10cm"):
        return ("icd10", code.replace(".", ""))
    return (system, code)


CARRIERS = "finding_carriers"
"""The codelist of Observations whose value names the finding (symptom, wound status)."""


class CodelistIndex:
    """All codelists turned round: from a code to the lists it stands in. Built once per knowledge."""

    def __init__(self, codelists: Iterable[Codelist]):
        self._exact: dict[CodeKey, tuple[str, ...]] = {}
        self._families: dict[tuple[str, int], dict[str, tuple[str, ...]]] = {}
        self._words: list[tuple[tuple[str, ...], re.Pattern[str], str]] = []
        self._first_words: dict[str, set[int]] = {}
        """Which lists (by their place in *_words*) have words that begin with this one."""
        self._terms: dict[CodeKey, str] = {}
        observable: set[CodeKey] = set()
        carriers: set[CodeKey] = set()
        for codelist in codelists:
            for entry in codelist.entries:
                system, code = normal_key(entry.system, entry.code)
                self._terms.setdefault((system, code), entry.term)
                if entry.is_prefix:
                    table = self._families.setdefault((system, len(code)), {})
                    table[code] = (*table.get(code, ()), codelist.id)
                else:
                    self._exact[(system, code)] = (*self._exact.get((system, code), ()), codelist.id)
                if system in ("snomed", "loinc"):
                    observable.add((system, code))
                if codelist.id == CARRIERS:
                    carriers.add((system, code))
            if codelist.words:
                lowered = tuple(words.lower() for words in codelist.words)
                pattern = "|".join(map(re.escape, lowered))
                for words in lowered:
                    self._first_words.setdefault(_WORD.search(words).group(), set()).add(len(self._words))
                self._words.append((lowered, re.compile(rf"\b(?:{pattern})\b"), codelist.id))
        self.observable: frozenset[CodeKey] = frozenset(observable)
        """Codes under which a finding may be sent as an Observation."""
        self.carriers: frozenset[CodeKey] = frozenset(carriers)

    def lists_of(self, coding: Coding) -> tuple[str, ...]:
        """Name the codelists *coding* belongs to, by itself or through a family."""
        key = match_key(coding)
        found = self._exact.get(key, ())
        system, code = key
        for (family_system, length), table in self._families.items():
            if family_system == system:
                found += table.get(code[:length], ())
        return found

    def term_of(self, coding: Coding) -> str | None:
        """Give the term under which *coding* (or its family) stands in a codelist; None where it stands in none."""
        system, code = match_key(coding)
        found = self._terms.get((system, code))
        while found is None and len(code) > 1:
            code = code[:-1]
            found = self._terms.get((system, code)) if code in self._families.get((system, len(code)), ()) else None
        return found

    def lists_of_words(self, text: str) -> tuple[str, ...]:
        """Name the codelists whose words stand in *text* and are not negated there."""
        lowered = text.lower()
        said = self._first_words.keys() & _WORD.findall(lowered)
        found = []
        for place in sorted(set().union(*(self._first_words[word] for word in said))):
            phrases, pattern, codelist = self._words[place]
            if not any([phrase in lowered for phrase in phrases]):
                continue
            for match in pattern.finditer(lowered):
                if not _NEGATED.search(lowered[: match.start()]) and not _NOT_THE_THING.match(lowered, match.end()):
                    found.append(codelist)
                    break
        return tuple(found)


def is_text_only(concept: Concept) -> bool:
    """Tell whether *concept* carries no code at all."""
    return not any(coding.code for coding in concept.codings)


@dataclass(frozen=True)
class Known:
    """The vocabulary the questions use: measures and codelists by id."""

    measures: Mapping[str, Measure]
    codelists: Mapping[str, Codelist]

    @cached_property
    def measures_by_code(self) -> Mapping[CodeKey, tuple[str, ...]]:
        """Which measures a code may tell of."""
        found: dict[CodeKey, tuple[str, ...]] = {}
        for measure in self.measures.values():
            for code in measure.codes:
                found[code] = (*found.get(code, ()), measure.id)
        return found

    @cached_property
    def worded_measures(self) -> frozenset[str]:
        """The measures that words alone may tell of."""
        return frozenset(measure.id for measure in self.measures.values() if measure.words)

    @cached_property
    def index(self) -> CodelistIndex:
        return CodelistIndex(self.codelists.values())
