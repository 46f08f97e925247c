"""Units of the Unified Code for Units of Measure, as far as values of a chart come in them: what they are multiples of.

A small reading of UCUM for the way of a call: the library that knows all of it (ucumvert on pint) takes a third of a second to
start, is not safe for threads, and would parse whatever a chart holds. A test holds every answer of ours against it. What this
table does not know is "not understood", and the value is set aside with that reason.

Source: UCUM 2.2 (ucum.org), case-sensitive codes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_PREFIXES = {
    "T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "h": 1e2, "da": 1e1, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9,
    "p": 1e-12, "f": 1e-15,
}  # fmt: skip

# Takes prefixes: unit -> (factor, dimensions). Arbitrary units are a dimension of their own: what one of them is, is not told.
_METRIC: dict[str, tuple[float, dict[str, int]]] = {
    "m": (1.0, {"length": 1}),
    "s": (1.0, {"time": 1}),
    "g": (1.0, {"mass": 1}),
    "K": (1.0, {"temperature": 1}),
    "mol": (1.0, {"amount": 1}),
    "eq": (1.0, {"amount": 1}),
    "osm": (1.0, {"amount": 1}),
    "L": (1e-3, {"length": 3}),
    "l": (1e-3, {"length": 3}),
    "Hz": (1.0, {"time": -1}),
    "Pa": (1e3, {"mass": 1, "length": -1, "time": -2}),
    "bar": (1e8, {"mass": 1, "length": -1, "time": -2}),
    "m[Hg]": (133322e3, {"mass": 1, "length": -1, "time": -2}),
    "m[H2O]": (9806.65e3, {"mass": 1, "length": -1, "time": -2}),
    "N": (1e3, {"mass": 1, "length": 1, "time": -2}),
    "J": (1e3, {"mass": 1, "length": 2, "time": -2}),
    "cal": (4184.0, {"mass": 1, "length": 2, "time": -2}),
    "W": (1e3, {"mass": 1, "length": 2, "time": -3}),
    "kat": (1.0, {"amount": 1, "time": -1}),
    "U": (1e-6 / 60, {"amount": 1, "time": -1}),
    "[iU]": (1.0, {"international unit": 1}),
    "[IU]": (1.0, {"international unit": 1}),
}
_PLAIN: dict[str, tuple[float, dict[str, int]]] = {
    "%": (0.01, {}),
    "[ppth]": (1e-3, {}),
    "[ppm]": (1e-6, {}),
    "[ppb]": (1e-9, {}),
    "[pptr]": (1e-12, {}),
    "min": (60.0, {"time": 1}),
    "h": (3600.0, {"time": 1}),
    "d": (86400.0, {"time": 1}),
    "wk": (604800.0, {"time": 1}),
    "mo": (2629800.0, {"time": 1}),
    "a": (31557600.0, {"time": 1}),
    "[in_i]": (0.0254, {"length": 1}),
    "[ft_i]": (0.3048, {"length": 1}),
    "[yd_i]": (0.9144, {"length": 1}),
    "[mi_i]": (1609.344, {"length": 1}),
    "[lb_av]": (453.59237, {"mass": 1}),
    "[oz_av]": (28.349523125, {"mass": 1}),
    "[foz_us]": (2.95735295625e-5, {"length": 3}),
    "atm": (101325e3, {"mass": 1, "length": -1, "time": -2}),
    "[arb'U]": (1.0, {"arbitrary unit": 1}),
    "[CFU]": (1.0, {"colony": 1}),
    "[hnsf'U]": (1.0, {"hounsfield unit": 1}),
    "[pH]": (1.0, {"pH": 1}),
}
# Scales that begin elsewhere than at zero: unit -> (factor, what is added) to kelvin. They stand alone, without prefix or power.
_SCALES = {"Cel": (1.0, 273.15), "[degF]": (5 / 9, 459.67 * 5 / 9)}

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_COMPONENT = re.compile(
    r"(?:(?P<ten>10[*^])(?P<power>[+-]?\d{1,2})?|(?P<unit>(?:[A-Za-z%]|\[[^\[\]\s]+\])+)(?P<exponent>[+-]?\d{1,2})?|(?P<number>\d{1,9}))"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a multiple: value * *factor* + *offset* in the base units that *dimensions* name with their powers."""

    factor: float
    dimensions: frozenset[tuple[str, int]]
    offset: float = 0.0


_ONE = Unit(1.0, frozenset())


def read_unit(text: str) -> Unit | None:
    """Read a UCUM code (`mg/dL`, `10*3/uL`, `/min`, `mm[Hg]`, `kg.m-2`); None where we do not understand it."""
    if text in _SCALES:
        factor, offset = _SCALES[text]
        return Unit(factor, frozenset({("temperature", 1)}), offset)
    bare, annotations = _ANNOTATION.subn("", text)
    if not bare:
        return _ONE if annotations else None
    factor, dimensions = 1.0, dict[str, int]()
    for number, part in enumerate(bare.split("/")):
        if not part:
            # "/min", or a denominator or numerator that was an annotation only ("{beats}/min")
            if number and not annotations:
                return None
            continue
        read = _product(part)
        if read is None:
            return None
        sign = -1 if number else 1
        factor *= read[0] ** sign
        for name, power in read[1].items():
            dimensions[name] = dimensions.get(name, 0) + sign * power
    return Unit(factor, frozenset((name, power) for name, power in dimensions.items() if power))


def linear(source: Unit, target: Unit) -> tuple[float, float] | None:
    """Give (factor, offset) that turn a value in *source* into *target*; None where they measure different things."""
    if source.dimensions != target.dimensions:
        return None
    return _exact(source.factor / target.factor), _exact((source.offset - target.offset) / target.factor)


def _exact(number: float) -> float:
    """Take the noise of binary fractions off, so that two spellings of one unit give the same number."""
    return float(f"{number:.12g}")


def _product(text: str) -> tuple[float, dict[str, int]] | None:
    factor, dimensions = 1.0, dict[str, int]()
    for part in text.split("."):
        found = _COMPONENT.fullmatch(part)
        if found is None:
            return None
        if found["ten"]:
            factor *= math.pow(10, int(found["power"] or 1))
            continue
        if found["number"]:
            if found["number"] != "1":
                return None  # "/100{WBCs}", "10.mg": readers disagree on what such a number does to the value
            continue
        atom = _atom(found["unit"])
        if atom is None:
            return None
        power = int(found["exponent"] or 1)
        factor *= atom[0] ** power
        for name, of_atom in atom[1].items():
            dimensions[name] = dimensions.get(name, 0) + of_atom * power
    return factor, dimensions


def _atom(symbol: str) -> tuple[float, dict[str, int]] | None:
    known = _PLAIN.get(symbol) or _METRIC.get(symbol)
    if known is not None:
        return known
    for length in (1, 2):
        prefix, unit = _PREFIXES.get(symbol[:length]), _METRIC.get(symbol[length:])
        if prefix is not None and unit is not None:
            return prefix * unit[0], unit[1]
    return None
