"""House test: every number in cards/ can be traced to a row of the clinical dossier."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOSSIER = Path(os.environ.get("SPINE_CDS_SHARED", ROOT.parent / "shared")) / "clinical"


@pytest.fixture(scope="module")
def tracer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trace_dossier", ROOT / "tools" / "trace_dossier.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_numbers_are_read_in_one_spelling(tracer: ModuleType) -> None:
    assert tracer.numbers("lift 4.50 kg, 2x10, T-score -2.5, E04, L4-L5, 1,402 patients") == [
        "4.5",
        "2",
        "10",
        "2.5",
        "1402",
    ]


@pytest.mark.skipif(not (DOSSIER / "dossier.md").exists(), reason="the clinical dossier is not on this machine")
def test_every_number_has_its_row_in_the_dossier(tracer: ModuleType) -> None:
    report = tracer.Tracer(ROOT / "cards", tracer.Dossier(DOSSIER), ROOT / "tools" / "trace_reasons.csv").run()

    assert report.untraced == []
    assert report.differing == []
    assert report.left_out == []
