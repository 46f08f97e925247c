"""House test: values are made once and never written into, also those that are not frozen because a call makes hundreds.

A frozen dataclass costs four times as much to make; so the values of a chart promise by `unsafe_hash` what this test keeps.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "cds_service"
ROOMS = ("patient", "clinical", "cards", "orders", "explain.py", "picture.py", "respond.py")
WORKSHOP = PACKAGE / "clinical" / "surgery"
"""Where sessions and notes are put together step by step before they become values."""


def _files() -> Iterator[Path]:
    for room in ROOMS:
        place = PACKAGE / room
        yield from sorted(place.rglob("*.py")) if place.is_dir() else (place,)


def _writes(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) != "self":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}: {ast.unparse(target)}"


def test_nobody_writes_into_a_value() -> None:
    found = [write for path in _files() if WORKSHOP not in path.parents for write in _writes(path)]

    assert found == []
