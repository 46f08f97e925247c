"""The written-down conversions are the library's own, and the library answers for every other unit."""

from __future__ import annotations

import pytest

from cds_service.patient.quantity import ask_library, linear, ucum_unit
from cds_service.patient.unit_factors import FACTORS
from tools import make_unit_factors


def test_the_file_is_what_the_library_says() -> None:
    assert make_unit_factors.FILE.read_text(encoding="utf-8") == make_unit_factors.content()


def test_a_unit_nobody_wrote_down_is_asked_of_the_library() -> None:
    assert ("kg/m3", "mg/L") not in FACTORS
    assert linear("kg/m3", "mg/L") == pytest.approx((1000.0, 0.0))
    assert linear("kg/m3", "Cel") is None


def test_degrees_have_an_offset() -> None:
    factor, offset = linear("[degF]", "Cel")

    assert 101.5 * factor + offset == pytest.approx(38.6111, abs=1e-3)
    assert linear("[degF]", "Cel") == ask_library("[degF]", "Cel")


@pytest.mark.parametrize("text", ["", "no unit at all", "mg/dL; DROP", "x" * 41, "mgdL//"])
def test_what_is_no_unit_is_not_understood(text: str) -> None:
    assert ucum_unit(text) is None
