"""The shipped knowledge, published once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cds_service.publish import Published, publish
from tests.advice_maker import BASE, knowledge


@pytest.fixture(scope="session")
def published() -> Published:
    return publish(knowledge(), BASE)


def actions_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every action of a PlanDefinition at any depth; none of other resources."""
    waiting = list(plan.get("action", ()))
    while waiting:
        action = waiting.pop(0)
        yield action
        waiting += action.get("action", [])


def strings_in(value: Any) -> Iterator[str]:
    """Every text in a resource, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)
