"""Numbers as really sent, turned into our unit or refused with a reason. Converts with UCUM, judges nothing clinical."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from msgspec import Struct

from cds_service.later import Later
from cds_service.patient.known import Measure
from cds_service.patient.record import Concept, Quantity
from cds_service.patient.unit_factors import FACTORS

# Unit texts seen in real feeds (MIMIC-IV lab map, QI-Core tests, Synthea, US Core, Cerner examples), lower-cased,
# without blanks and quotes -> UCUM. What UCUM itself reads needs no line here.
AS_SENT: dict[str, str] = {
    "degc": "Cel",
    "c": "Cel",
    "cel": "Cel",
    "°c": "Cel",
    "celsius": "Cel",
    "degreescelsius": "Cel",
    "degreesc": "Cel",
    "degf": "[degF]",
    "f": "[degF]",
    "[degf]": "[degF]",
    "°f": "[degF]",
    "fahrenheit": "[degF]",
    "degreesf": "[degF]",
    "degreesfahrenheit": "[degF]",
    "k": "K",
    "beats/min": "/min",
    "beats/minute": "/min",
    "{beats}/min": "/min",
    "{beat}/min": "/min",
    "bpm": "/min",
    "breaths/min": "/min",
    "breathsperminute": "/min",
    "breaths/minute": "/min",
    "{breaths}/min": "/min",
    "beatsperminute": "/min",
    "perminute": "/min",
    "1/min": "/min",
    "/min": "/min",
    "/minute": "/min",
    "insp/min": "/min",
    "rpm": "/min",
    "mmhg": "mm[Hg]",
    "mm[hg]": "mm[Hg]",
    "torr": "mm[Hg]",
    "%": "%",
    "%o2": "%",
    "percent": "%",
    "pct": "%",
    "k/ul": "10*3/uL",
    "10*3/u": "10*3/uL",
    "10*3/ul": "10*3/uL",
    "10^3/ul": "10*3/uL",
    "x10e3/ul": "10*3/uL",
    "10e3/ul": "10*3/uL",
    "x10*3/ul": "10*3/uL",
    "x10^3/ul": "10*3/uL",
    "thou/ul": "10*3/uL",
    "k/mm3": "10*3/uL",
    "10*9/l": "10*3/uL",
    "10^9/l": "10*3/uL",
    "x10e9/l": "10*3/uL",
    "10e9/l": "10*3/uL",
    "x10^9/l": "10*3/uL",
    "x10*9/l": "10*3/uL",
    "g/l{10*9}": "10*3/uL",
    "mg/dl": "mg/dL",
    "mg/l": "mg/L",
    "g/dl": "g/dL",
    "g/l": "g/L",
    "gm/dl": "g/dL",
    "ng/ml": "ng/mL",
    "nmol/l": "nmol/L",
    "mmol/l": "mmol/L",
    "mmol/mol": "mmol/mol",
    "ug/ml": "ug/mL",
    "µg/ml": "ug/mL",
    "mcg/ml": "ug/mL",
    "ml": "mL",
    "cc": "mL",
    "cm3": "cm3",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "second": "s",
    "s": "s",
    "minutes": "min",
    "meters": "m",
    "metres": "m",
    "feet": "[ft_i]",
    "ft": "[ft_i]",
    "lbs": "[lb_av]",
    "lb": "[lb_av]",
    "weeks": "wk",
    "week": "wk",
    "wk": "wk",
    "days": "d",
    "steps/day": "/d",
    "{steps}/d": "/d",
    "steps": "/d",
    "{#}/d": "/d",
    "/day": "/d",
    "1/d": "/d",
    "kg/m2": "kg/m2",
    "kg/m^2": "kg/m2",
    "mm": "mm",
    "cm": "cm",
    "1": "1",
    "{score}": "1",
    "score": "1",
    "{inr}": "1",
    "inr": "1",
    "{ratio}": "1",
    "ratio": "1",
    "t-score": "{T-score}",
    "tscore": "{T-score}",
    "{t-score}": "{T-score}",
    "{tscore}": "{T-score}",
    "t": "{T-score}",
    "points": "1",
    "/10": "1",
    "{points}": "1",
    "{fraction}": "1",
    "[hnsf'u]": "[hnsf'U]",
    "hu": "[hnsf'U]",
    "[hnsf'u": "[hnsf'U]",
    "hounsfield": "[hnsf'U]",
}
_LONGEST_UNIT = 40  # characters; a longer text is prose, and prose is neither parsed nor kept
_NUMBER = re.compile(r"\s*(?P<comparator><=|>=|<|>)?\s*(?P<number>-?\d+(?:\.\d+)?)\s*(?P<unit>[^\d\s].*)?")
_DECIMALS = 6  # conversion noise (100.4 degF = 38.00000000000006 Cel) must not carry a value over a threshold


class Amount(Struct, frozen=True, gc=False):
    """A value in the measure's unit; a comparator leaves one end open.

    *low*/*high* bound it; *low_open*/*high_open* tell whether the bound itself is excluded.
    """

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def at_least(self, limit: float) -> bool | None:
        """True, False, or None where a comparator leaves it open."""
        if self.low >= limit:
            return True
        return False if self.high < limit or (self.high == limit and self.high_open) else None

    def above(self, limit: float) -> bool | None:
        if self.low > limit or (self.low == limit and self.low_open):
            return True
        return False if self.high <= limit else None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Why a recorded number is not used (DQ09). Holds words only, never the value."""

    reason: str


_UCUM = Later("ucumvert")
_PINT = Later("pint")
"""Needed for a unit that is not written down in unit_factors.py, which few charts have."""

_KNOWN_UNITS = frozenset(unit for pair in FACTORS for unit in pair)
_UCUM_TEXT = re.compile(r"[A-Za-z0-9%*^/.\-+\[\]{}'_()#]+")
_ONE_AT_A_TIME = threading.Lock()
"""The library fills its registry while it is asked and is not safe for threads: two first questions at once broke it."""
_KEPT_MOST = 4096
_OURS = frozenset({None, "", *AS_SENT, *_KNOWN_UNITS})
"""Units as our tables write them. What is decided about these is kept from call to call; about any other text, which may be
anything that somebody has typed, only where the library knows it for a unit and it bears no remark in braces."""
_REMARK = re.compile(r"\{[^{}]*\}(?=[./)]|\Z)")
"""A remark behind a unit changes nothing.  Source: UCUM, section 6."""


@lru_cache(maxsize=1)
def _registry() -> Any:
    return _UCUM.PintUcumRegistry()


_understood: set[str] = set()
_not_understood: set[int] = set()
"""Hashes, of which nobody can make the text again."""
_factors: dict[tuple[str, str], tuple[float, float] | None] = {}
_plans: dict[tuple[str | None, str | None, Measure], Plan] = {}


def ucum_unit(text: str) -> str | None:
    """Give the UCUM unit that *text* means; None where it is not understood.

    Source: unit texts counted in public feeds; everything else is read by the UCUM grammar of the library.
    """
    bare = text.strip().strip("'\"").strip()
    known = AS_SENT.get(re.sub(r"\s+", "", bare.lower()))
    if known is not None:
        return known
    if re.fullmatch(r"\{[^{}]*\}", bare):
        return "1"
    if bare in _KNOWN_UNITS:
        return bare
    if len(bare) > _LONGEST_UNIT or not _UCUM_TEXT.fullmatch(bare):
        return None
    plain = _REMARK.sub("", bare)
    return bare if _is_understood(plain) or (plain != bare and _is_understood(bare)) else None


def _is_understood(text: str) -> bool:
    """Tell whether *text* is UCUM as the library reads it."""
    if text in _KNOWN_UNITS or text in _understood:
        return True
    mark = hash(text)
    if mark in _not_understood:
        return False
    try:
        with _ONE_AT_A_TIME:
            _registry().from_ucum(text)
    except Exception:  # noqa: BLE001  the grammar raises parser errors of many classes; all mean "not understood"
        if len(_not_understood) < _KEPT_MOST:
            _not_understood.add(mark)
        return False
    if "{" not in text and len(_understood) < _KEPT_MOST:
        _understood.add(text)
    return True


def linear(source: str, target: str) -> tuple[float, float] | None:
    """Give (factor, offset) that turn a value in UCUM *source* into *target*; None where they measure different things.

    The usual pairs are written down as the library answered them (unit_factors.py); any other is asked of it now.
    """
    plain = _REMARK.sub("", source)
    unit = plain if plain in _KNOWN_UNITS or plain in _understood else source
    if unit == target:
        return (1.0, 0.0)
    pair = (unit, target)
    if pair in FACTORS:
        return FACTORS[pair]
    if pair in _factors:
        return _factors[pair]
    answer = ask_library(unit, target)
    if "{" not in unit and len(_factors) < _KEPT_MOST:
        _factors[pair] = answer
    return answer


def ask_library(source: str, target: str) -> tuple[float, float] | None:
    """As `linear`, asked of the UCUM library itself."""
    try:
        at_zero, at_hundred = _convert(0.0, source, target), _convert(100.0, source, target)
    except (_PINT.DimensionalityError, _PINT.UndefinedUnitError, AttributeError):
        return None  # AttributeError: UCUM knows the unit, but gives it no dimension (arbitrary units)
    return ((at_hundred - at_zero) / 100.0, at_zero)


def _convert(value: float, source: str, target: str) -> float:
    with _ONE_AT_A_TIME:
        registry = _registry()
        here, there = registry.from_ucum(source).units, registry.from_ucum(target).units
        return float(registry.Quantity(value, here).to(there).magnitude)


def read_amount(value: Quantity | Concept | str | bool | None, measure: Measure) -> Amount | Ignored | None:
    """Read *value* in the unit of *measure*; Ignored with the reason where it cannot be used, None where it is no number.

    Source: dossier 4.1 DQ09 and the parsing rules of the terminology facts, section 6.
    """
    if isinstance(value, str):
        value = _from_text(value)
    if not isinstance(value, Quantity):
        return None
    return read_number(value.value, value.comparator, plan_of(value.unit, value.code, measure), measure)


Plan = tuple[float, float] | Ignored | None
"""How a number in some unit becomes one of a measure (factor, offset), or why it does not."""


def plan_of(unit: str | None, code: str | None, measure: Measure) -> Plan:
    """Decide how to convert what is sent in *unit* (text) and *code*. None: the value belongs to another quantity."""
    question = (unit, code, measure)
    if question in _plans:
        return _plans[question]
    plan = _decide(_short(unit), _short(code), measure)
    if unit in _OURS and code in _OURS and len(_plans) < _KEPT_MOST:
        _plans[question] = plan
    return plan


def read_number(number: float, comparator: str | None, plan: Plan, measure: Measure) -> Amount | Ignored | None:
    """As `read_amount`, of a number for whose unit `plan_of` has said how to convert it."""
    if not isinstance(plan, tuple):
        return plan
    factor, offset = plan
    if measure.fraction_is_percent and 0 < number <= 1:
        number *= 1 if factor == 100 else 100
    converted = round(number * factor + offset, _DECIMALS)
    if not measure.plausible_from <= converted <= measure.plausible_to:
        return Ignored(f"the number is not possible for {measure.name}")
    return _bounded(converted, comparator) if comparator else Amount(converted, converted)


def plain_numbers(numbers: list[float], plan: Plan, measure: Measure) -> list[float] | None:
    """As `read_number`, of many at once; None where one of them is not possible or may mean something else."""
    if not isinstance(plan, tuple):
        return None
    factor, offset = plan
    lowest, highest = measure.plausible_from, measure.plausible_to
    converted = []
    for number in numbers:
        value = round(number * factor + offset, _DECIMALS)
        if not lowest <= value <= highest or (number <= 1 and measure.fraction_is_percent):
            return None
        converted.append(value)
    return converted


def _short(unit: str | None) -> str | None:
    return unit if unit is None or len(unit) <= _LONGEST_UNIT else "(long text)"


def _from_text(text: str) -> Quantity | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return Quantity(float(match["number"]), match["unit"], None, match["comparator"])


def _bounded(value: float, comparator: str) -> Amount | Ignored:
    if comparator in ("<", "<="):
        return Amount(float("-inf"), value, high_open=comparator == "<")
    if comparator in (">", ">="):
        return Amount(value, float("inf"), low_open=comparator == ">")
    return Ignored(f"the comparator {comparator!r} is not one we know")


def _decide(unit: str | None, code: str | None, measure: Measure) -> Plan:
    texts = [text for text in (code, unit) if text and text.strip()]
    understood = [found for found in map(ucum_unit, texts) if found is not None]
    if measure.only_units and not (understood and understood[0] in measure.only_units):
        return None
    if not texts:
        if measure.unit_may_be_missing:
            return (1.0, 0.0)
        return Ignored(f"{measure.name} without a unit")
    if not understood:
        return Ignored(f"the unit {texts[0]!r} of {measure.name} is not one we know")
    plans = {_to_measure(found, measure) for found in understood}
    if len(plans) > 1:
        return Ignored(f"unit text and unit code of {measure.name} contradict each other")
    plan = plans.pop()
    if plan is None:
        return Ignored(f"{measure.name} cannot be in {texts[0]!r}")
    return plan


def _to_measure(unit: str, measure: Measure) -> tuple[float, float] | None:
    for special in measure.conversions:
        if special.unit == unit:
            return (special.factor, special.add)
    unit = "1" if unit == "{T-score}" else unit
    if measure.unit == "1" and unit != "1":
        return None  # a score is no percentage and no international unit, though both have no dimension
    return linear(unit, measure.unit)
