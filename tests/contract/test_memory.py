"""Patient values live for one call, also in memory: nothing that a chart sends is held by anything once it is answered.

Marked are not only texts but codes, systems and units too, for these are what a service likes to keep for the next call.
"""

from __future__ import annotations

import copy
import gc
import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec
import pytest

from tests.security import test_canaries
from tests.security.test_canaries import fixture_calls, in_every_text, instead_of_every_text, path_of

MARK = "QUOKKA77ZX"

_UNITS = ("{}s", "{{{}}}", "mg{{{}}}", "mg/{}", "{} mg")


def with_foreign_codes(value: Any) -> Any:
    """Add a coding with the mark beside every coding, and send every measured value once more in units made of it."""
    if isinstance(value, list):
        return [with_foreign_codes(one) for one in value] + [
            again for one in value if isinstance(one, dict) for again in _in_other_units(one)
        ]
    if not isinstance(value, dict):
        return value
    marked = {key: with_foreign_codes(below) for key, below in value.items()}
    if isinstance(marked.get("coding"), list):
        marked["coding"] += [
            {"system": f"http://{MARK}.example/codes", "code": f"{MARK}1", "display": MARK},
            {"system": "http://loinc.org", "code": f"{MARK}2"},
            {"system": "http://snomed.info/sct", "code": f"{MARK}3"},
            {"code": f"{MARK}4"},
        ]
    return marked


def _in_other_units(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "valueQuantity" not in entry.get("resource", {}):
        return
    for number, (unit, name) in enumerate(product(_UNITS, ("unit", "code"))):
        again = copy.deepcopy(entry)
        again["resource"]["id"] += f"-{number}"
        again["resource"]["valueQuantity"][name] = unit.format(MARK)
        yield again


def texts_in_memory() -> Iterator[str]:
    """Give every text that an object of this process holds, but for those that only the stack holds."""
    seen: set[int] = set()
    waiting: list[Any] = [one for one in gc.get_objects() if type(one).__name__ != "frame"]
    mine = {id(seen), id(waiting)}
    while waiting:
        one = waiting.pop()
        if id(one) in seen or id(one) in mine:
            continue
        seen.add(id(one))
        if type(one) is str:
            yield one
            continue
        below = gc.get_referents(one)
        if isinstance(one, msgspec.Struct):  # those that the collector does not know give it nothing
            below += [getattr(one, name, None) for name in one.__struct_fields__]
        waiting += [each for each in below if id(each) not in seen]


def test_nothing_of_a_chart_is_held_once_it_is_answered(make_service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_canaries, "CANARY", MARK)
    client = make_service(log_level="error").test_client()
    statuses = set()
    for call in fixture_calls():
        for marked in (with_foreign_codes(call), in_every_text(with_foreign_codes(call)), instead_of_every_text(call)):
            body = json.dumps(marked)
            statuses.add(client.post(path_of(call), data=body, content_type="application/json").status_code)
    del body, marked
    gc.collect()

    held = {text for text in texts_in_memory() if MARK.lower() in text.lower() and text != MARK}

    assert {200, 400} <= statuses
    assert held == set()
