"""Our small reading of UCUM, held against the library that knows all of it."""

from __future__ import annotations

import pytest
from ucumvert import PintUcumRegistry

from cds_service.patient.ucum import Unit, linear, read_unit
from tests.builders import knowledge

_VOLUMES = ("L", "dL", "mL", "uL", "fL", "l", "m3", "mm3")
_MASSES = ("kg", "g", "mg", "ug", "ng", "pg")
_AMOUNTS = ("mol", "mmol", "umol", "nmol", "meq", "mosm")
_TIMES = ("ms", "s", "min", "h", "d", "wk", "mo", "a")
_OTHERS = (
    "Cel", "[degF]", "K", "%", "%{Hb}", "[ppth]", "[ppm]", "mm[Hg]", "cm[H2O]", "kPa", "mbar", "atm", "m", "cm", "mm", "um", "km",
    "[in_i]", "[ft_i]", "[yd_i]", "[mi_i]", "[lb_av]", "[oz_av]", "[foz_us]", "kg/m2", "kg.m-2", "g/cm2", "J", "kcal", "N", "W", "Hz",
    "U/L", "ukat/L", "mmol/mol", "mg/g", "mL/min", "mL/min/{1.73_m2}", "mg/kg/d", "m/s", "/uL", "10*3", "min-1",
    "mg.dL-1", "10*3.uL-1",
)  # fmt: skip
TEXTS = (
    *_OTHERS, *_VOLUMES, *_MASSES, *_AMOUNTS, *_TIMES,
    *(f"{one}/{volume}" for one in (*_MASSES, *_AMOUNTS) for volume in _VOLUMES),
    *(f"{start}/{time}" for start in ("", "1", "{beats}", "{#}") for time in _TIMES),
    *(f"10{sign}{power}/{volume}" for sign in "*^" for power in (3, 6, 9, 12) for volume in ("L", "uL", "mL", "mm3")),
)  # fmt: skip
TARGETS = ("Cel", "/min", "mm[Hg]", "%", "mg/L", "10*3/uL", "g/dL", "ng/mL", "nmol/L", "m", "s", "/d", "mL", "kg/m2", "wk")


@pytest.fixture(scope="module")
def library():
    return PintUcumRegistry()


def _converted(library, value: float, source: str, target: str) -> float | None:
    here, there = library.from_ucum(source).units, library.from_ucum(target).units
    if here.dimensionality != there.dimensionality:
        return None
    return library.Quantity(value, here).to(there).magnitude


@pytest.mark.parametrize("target", TARGETS)
def test_every_unit_turns_into_ours_as_the_library_turns_it(library, target: str) -> None:
    # 1e-5: the library takes water to weigh a little less than UCUM does.
    for text in TEXTS:
        found = linear(read_unit(text), read_unit(target))

        for value in (0.0, 37.5):
            theirs = _converted(library, value, text, target)
            assert (found is None) == (theirs is None), (text, target)
            if found is not None:
                assert value * found[0] + found[1] == pytest.approx(theirs, rel=1e-5, abs=1e-9), (text, target)


@pytest.mark.parametrize(
    "text", ["", "mg/dl calc", "no unit at all", "mgdL", "dL//mg", "mg/", "m.", "xyz", "m[Hg", "k%", "mCel", "Cel/d", "2.5", "10.mg/L", "/100"]
)
def test_what_is_no_unit_of_ours_is_not_understood(text: str) -> None:
    assert read_unit(text) is None


def test_an_arbitrary_unit_is_like_nothing_but_itself() -> None:
    assert linear(read_unit("[hnsf'U]"), read_unit("%")) is None
    assert linear(read_unit("m[iU]/mL"), read_unit("[IU]/L")) == (1.0, 0.0)


def test_spellings_of_one_unit_give_the_same_number() -> None:
    assert linear(read_unit("mg/mL"), read_unit("mg/L")) == linear(read_unit("g/L"), read_unit("mg/L")) == (1000.0, 0.0)


def test_the_unit_of_every_measure_is_understood() -> None:
    assert [one.id for one in knowledge().measures.values() if read_unit(one.unit) is None] == []


def test_an_annotation_is_the_unit_one() -> None:
    assert read_unit("{score}") == read_unit("1") == Unit(1.0, frozenset())
