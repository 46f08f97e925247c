"""Numbers as really sent: converted, or refused with a reason."""

from __future__ import annotations

import pytest

from cds_service.patient.known import Conversion, Measure
from cds_service.patient.quantity import Amount, Ignored, linear, read_amount, ucum_unit
from cds_service.patient.record import Concept, Quantity
from tests.builders import knowledge

MEASURES = knowledge().measures


def _read(measure: str, value: float, unit: str | None = None, code: str | None = None, comparator: str | None = None):
    return read_amount(Quantity(value, unit, code, comparator), MEASURES[measure])


@pytest.mark.parametrize(
    ("measure", "value", "unit", "code", "ours"),
    [
        ("temperature", 38.4, "degC", "Cel", 38.4), ("temperature", 38.4, "°C", None, 38.4),
        ("temperature", 100.4, "degF", "[degF]", 38.0), ("temperature", 101.3, "F", None, 38.5),
        ("temperature", 311.15, None, "K", 38.0),
        ("heart_rate", 72, "beats/minute", "/min", 72), ("heart_rate", 72, "bpm", None, 72),
        ("heart_rate", 72, "{beats}/min", None, 72), ("respiratory_rate", 18, "'/min'", "/min", 18),
        ("respiratory_rate", 18, "breaths per minute", None, 18), ("systolic", 120, "mmHg", "mm[Hg]", 120),
        ("systolic", 120, "mm Hg", None, 120), ("systolic", 16, "kPa", "kPa", pytest.approx(120.01, abs=0.01)),
        ("spo2", 97, "%O2", None, 97), ("spo2", 0.97, "%", "%", 97), ("spo2", 0.97, None, "1", 97),
        ("spo2", 97, "%", "%", 97),
        ("wbc", 8.9, "K/uL", None, 8.9), ("wbc", 8.9, "10*3/u", None, 8.9), ("wbc", 8.9, "10^9/L", None, 8.9),
        ("wbc", 8.9, "x10E3/uL", None, 8.9), ("wbc", 8900, "/uL", None, 8.9),
        ("crp", 4.4, "mg/dL", "mg/dL", 44), ("crp", 44, "mg/L", None, 44),
        ("haemoglobin", 79, "g/L", "g/L", 7.9), ("haemoglobin", 5, "mmol/L", None, pytest.approx(8.055)),
        ("glucose", 15, "mmol/L", None, 270.24), ("hba1c", 53, "mmol/mol", None, pytest.approx(7.0, abs=0.01)),
        ("inr", 3.1, None, None, 3.1), ("inr", 3.1, "{INR}", None, 3.1), ("pain", 6, "{score}", "{score}", 6),
        ("pain", 6, None, None, 6), ("pain", 6, "/10", None, 6), ("pain", 62, "mm", "mm", 6.2), ("pain", 6.2, "cm", None, 6.2),
        ("t_score", -2.5, "T-Score", "1", -2.5), ("t_score_by_unit", -2.6, "T-Score", None, -2.6),
        ("walk_six_minutes", 1000, "feet", None, 304.8), ("steps", 3500, "steps/day", None, 3500),
    ],
)  # fmt: skip
def test_units_as_really_sent(measure: str, value: float, unit: str | None, code: str | None, ours: float) -> None:
    amount = _read(measure, value, unit, code)

    assert amount.is_exact
    assert amount.low == ours


@pytest.mark.parametrize(
    ("measure", "value", "unit", "code", "words"),
    [
        ("temperature", 98.6, None, None, "without a unit"), ("temperature", 98.6, " ", "", "without a unit"),
        ("temperature", 98.6, "Cel", "Cel", "not possible"), ("temperature", 38.5, "degF", None, "not possible"),
        ("temperature", 38.5, "mg/dL", None, "cannot be in"), ("temperature", 38.5, "warm", None, "not one we know"),
        ("temperature", 38.5, "degF", "Cel", "contradict"), ("temperature", 38.5, "x" * 60, None, "not one we know"),
        ("heart_rate", 900, "/min", None, "not possible"), ("pain", 62, None, None, "not possible"),
        ("pain", 60, "%", "%", "cannot be in"), ("inr", 70, "%", None, "cannot be in"), ("pain", 6, "[iU]", "[iU]", "cannot be in"), ("temperature", 38.5, "'", None, "not one we know"),
        ("glucose", 12, "U/L", None, "cannot be in"), ("crp", 5, "[arb'U]/mL", None, "cannot be in"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_a_reason(
    measure: str, value: float, unit: str | None, code: str | None, words: str
) -> None:
    refused = _read(measure, value, unit, code)

    assert isinstance(refused, Ignored)
    assert words in refused.reason


def test_a_unit_text_is_used_where_the_code_makes_no_sense() -> None:
    assert _read("temperature", 38.5, "degC", "???").low == 38.5


@pytest.mark.parametrize(("value", "unit"), [(0.7, "g/cm2"), (0.7, None), (0.7, "1")])
def test_a_bone_density_is_no_t_score(value: float, unit: str | None) -> None:
    assert _read("t_score_by_unit", value, unit) is None


@pytest.mark.parametrize("value", [None, True, Concept((), "warm"), "hot"])
def test_what_is_no_number_is_no_value(value: object) -> None:
    assert read_amount(value, MEASURES["temperature"]) is None


def test_a_number_written_as_text_is_read() -> None:
    assert read_amount("38.4 Cel", MEASURES["temperature"]).low == 38.4
    assert read_amount("<5 mg/L", MEASURES["crp"]) == Amount(float("-inf"), 5, high_open=True)
    assert isinstance(read_amount("38.4", MEASURES["temperature"]), Ignored)


@pytest.mark.parametrize(
    ("comparator", "at_least_5", "above_5", "at_least_6", "above_4"),
    [
        ("<", False, False, False, None), ("<=", None, False, False, None),
        (">", True, True, None, True), (">=", True, None, None, True),
    ],
)  # fmt: skip
def test_comparators_leave_one_end_open(comparator, at_least_5, above_5, at_least_6, above_4) -> None:
    amount = _read("crp", 5, "mg/L", None, comparator)

    assert not amount.is_exact
    assert (amount.at_least(5), amount.above(5), amount.at_least(6), amount.above(4)) == (
        at_least_5, above_5, at_least_6, above_4,
    )  # fmt: skip


def test_a_strange_comparator_is_refused() -> None:
    assert "comparator" in _read("crp", 5, "mg/L", None, "ad").reason


def test_an_exact_value_decides_both_ways() -> None:
    amount = Amount(5, 5)

    assert (amount.at_least(5), amount.at_least(5.1), amount.above(5), amount.above(4.9)) == (True, False, False, True)


def test_linear_knows_offsets_and_refuses_other_quantities() -> None:
    assert linear("[degF]", "Cel") == (pytest.approx(1 / 1.8), pytest.approx(-17.7777777))
    assert linear("mg/dL", "Cel") is None
    assert linear("m", "m") == (1.0, 0.0)


def test_annotations_and_nonsense() -> None:
    assert ucum_unit("{anything}") == "1"
    assert ucum_unit("no unit at all") is None
    assert ucum_unit("") is None


def test_conversions_of_moles_stand_in_the_measure() -> None:
    measure = Measure("m", "m", frozenset(), "mg/dL", 0, 10, None, False, conversions=(Conversion("mmol/L", 2, 1),))

    assert read_amount(Quantity(3, "mmol/L"), measure).low == 7
