"""Threads of one worker share the reading of units: the first questions may come at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from cds_service.patient import quantity

THREADS = 8
ODD_UNITS = ("mg/dL{serum}", "10.mg/dL", "ug/dL", "mol/m3", "dm", "kat/L", "g.m/L", "no unit at all")


@pytest.fixture
def nothing_read_yet():
    quantity._registry.cache_clear()
    for kept in (quantity._understood, quantity._not_understood, quantity._factors, quantity._plans):
        kept.clear()


def test_first_questions_at_once_get_the_answers_of_questions_one_by_one(nothing_read_yet):
    start = Barrier(THREADS)

    def ask(unit: str):
        start.wait()
        return quantity.ucum_unit(unit), quantity.linear("g/L", "mg/L"), quantity.linear("[degF]", "Cel")

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(ask, ODD_UNITS))

    assert [unit for unit, _, _ in answers] == [*ODD_UNITS[:-1], None]
    assert {grams for _, grams, _ in answers} == {(1000.0, 0.0)}
    assert len({degrees for _, _, degrees in answers}) == 1
