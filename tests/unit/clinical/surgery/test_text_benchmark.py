"""The measured promise on texts of our own: precision, recall and levels of both halves of texts.csv."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).parents[4] / "benchmarks" / "inference"


@pytest.fixture(scope="module")
def measuring() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_texts", BENCHMARK / "measure_texts.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("half", ["held", "tuned"])
def test_free_text_keeps_its_measured_promise(half: str, measuring: ModuleType) -> None:
    with (BENCHMARK / "texts.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == half]

    measured = measuring.measure(rows, measuring.load(), show=False)

    assert measured["precision"] >= 0.97
    assert measured["recall"] >= 0.93
    assert measured["levels exact"] >= 0.95
    assert measured["wrong type (not unknown)"] <= 0.02
