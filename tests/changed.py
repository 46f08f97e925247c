"""A changed copy of a value, be it a dataclass or, as what a call makes by the hundred is, a msgspec Struct."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from msgspec import Struct, structs

Made = TypeVar("Made")


def replace(value: Made, **changes: object) -> Made:
    """Give *value* with *changes*."""
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]
