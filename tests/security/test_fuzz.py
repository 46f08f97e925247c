"""The short form of the fuzz run; `tools/fuzz.py --calls 100000` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_calls_are_answered_or_refused_and_nothing_breaks(seed: int) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "fuzz.py", "--calls", "1000", "--seed", str(seed)],
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
