"""The written-down conversions are the library's own, and the library answers for every other unit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cds_service.patient import quantity
from cds_service.patient.quantity import ask_library, linear, plan_of, ucum_unit
from cds_service.patient.unit_factors import FACTORS
from tests.builders import knowledge
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


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantity, "_understood", set())
    monkeypatch.setattr(quantity, "_not_understood", set())
    monkeypatch.setattr(quantity, "_factors", {})
    monkeypatch.setattr(quantity, "_plans", {})


@pytest.mark.parametrize(
    ("most", "asked"),
    [(10, ["kg/m3", "g/m3", "g/{MrsX}"] + ["g/{MrsX}"]), (0, ["kg/m3", "g/m3{MrsX}", "g/{MrsX}"] * 2)],
)
def test_of_other_units_the_plain_ones_are_asked_about_once(
    most: int, asked: list[str], nothing_kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []
    monkeypatch.setattr(quantity, "_KEPT_MOST", most)
    monkeypatch.setattr(quantity, "ask_library", lambda source, target: questions.append(source))

    for unit in ("kg/m3", "g/m3{MrsX}", "g/{MrsX}") * 2:
        assert ucum_unit(unit) == unit
        linear(unit, "mg/L")

    assert sorted(questions) == sorted(asked)
    assert "MrsX" not in repr((quantity._understood, quantity._factors, quantity._not_understood))


@pytest.mark.parametrize("unit", ["mg/L{serum}", "mg/dL{serum}", "{a}.kg/m3{b}", "mm[Hg]{lying}"])
def test_a_remark_behind_a_unit_changes_nothing(unit: str) -> None:
    assert ucum_unit(unit) == unit
    assert linear(unit, "mg/L") == pytest.approx(ask_library(unit, "mg/L"))


def test_a_remark_elsewhere_is_left_to_the_library() -> None:
    assert ucum_unit("m{x}s") is None and ucum_unit("ms") == "ms"


@pytest.mark.parametrize(("most", "times"), [(10, 1), (0, 3)])
def test_of_what_is_no_unit_no_text_is_kept(
    most: int, times: int, nothing_kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(quantity, "_KEPT_MOST", most)
    monkeypatch.setattr(
        quantity, "_registry", lambda: SimpleNamespace(from_ucum=lambda text: asked.append(text) or 1 / 0)
    )

    assert [ucum_unit("MrsX") for _ in range(3)] == [None] * 3
    assert asked == ["MrsX"] * times and not quantity._understood


def test_what_was_decided_about_our_units_is_kept_and_about_other_texts_is_not(nothing_kept: None) -> None:
    temperature = knowledge().known.measures["temperature"]

    for unit, code in (("degc", "Cel"), ("Mrs X", "Cel"), ("Cel", "Mrs X"), (None, None)):
        assert plan_of(unit, code, temperature) == plan_of(unit, code, temperature)

    assert [question[:2] for question in quantity._plans] == [("degc", "Cel"), (None, None)]


def test_what_is_decided_about_units_has_an_end(nothing_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantity, "_KEPT_MOST", 1)
    for measure in ("temperature", "heart_rate"):
        plan_of("Cel", None, knowledge().known.measures[measure])

    assert len(quantity._plans) == 1
