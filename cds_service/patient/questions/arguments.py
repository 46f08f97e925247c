"""Read the arguments of a question from a knowledge file, and tell every fault with its place. Asks nothing itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cds_service.errors import Fault
from cds_service.patient.facts import Asked
from cds_service.patient.finding import Finding
from cds_service.patient.known import Codelist, Known, Measure

Place = Callable[[tuple[str | int, ...]], str]
"""Gives `file:line: dotted.path` for a path inside the condition."""


class Condition(Protocol):
    """A compiled question: *needs* names the kinds of data (fields of PatientRecord) it looks at."""

    needs: frozenset[str]

    def ask(self, asked: Asked) -> Finding:
        """Answer for the patient and the operation of *asked*."""


@dataclass(slots=True)
class Arguments:
    """The arguments of one question as text. Each reading method takes one key; `finish` reports what nobody took."""

    question: str
    node: Any
    known: Known
    place: Place
    faults: list[Fault]
    path: tuple[str | int, ...] = ()
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not isinstance(self.node, dict):
            if self.node not in ("", None, {}):
                self.fault((), f"{self.question!r} takes keys and values, not {self.node!r}")
            self.node = {}

    def fault(self, path: tuple[str | int, ...], what: str, expected: str = "", todo: str = "") -> None:
        self.faults.append(Fault(self.place((*self.path, *path)), what, expected, todo))

    def text(self, key: str, choices: Iterable[str] = (), default: str | None = None) -> str | None:
        self._taken.add(key)
        value = self.node.get(key, default)
        if value is None:
            self.fault((), f"{self.question!r} lacks the key {key!r}")
        elif not isinstance(value, str):
            self.fault((key,), f"{key!r} is one word, not a list or block")
            return None
        elif choices and value not in choices:
            self.fault((key,), f"{value!r} is not known here", "one of: " + ", ".join(choices))
            return None
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Read a list of words; empty where the key is absent."""
        self._taken.add(key)
        value = self.node.get(key, [])
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fault((key,), f"{key!r} is a list of words")
            return ()
        return tuple(value)

    def number(self, key: str) -> float | None:
        """Read a number; None where the key is absent or faulty."""
        self._taken.add(key)
        value = self.node.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not re.fullmatch(r"-?\d+(\.\d+)?", value):
            self.fault(
                (key,), f"{value!r} is not a number", "digits, with a point for decimals; the unit has its own key"
            )
            return None
        return float(value)

    def yes(self, key: str, default: bool) -> bool:
        self._taken.add(key)
        value = self.node.get(key, "yes" if default else "no")
        if value not in ("yes", "no"):
            self.fault((key,), f"{value!r}", "yes or no")
            return default
        return bool(value == "yes")

    def codelist(self, key: str = "codelist") -> Codelist | None:
        name = self.text(key)
        if name is None:
            return None
        found = self.known.codelists.get(name)
        if found is None:
            self.fault((key,), f"no codelist {name!r}", "one of: " + ", ".join(sorted(self.known.codelists)))
        return found

    def codelists(self, key: str) -> tuple[Codelist, ...]:
        """Read a list of names of codelists."""
        found = []
        for name in self.words(key):
            if name in self.known.codelists:
                found.append(self.known.codelists[name])
            else:
                self.fault((key,), f"no codelist {name!r}", "one of: " + ", ".join(sorted(self.known.codelists)))
        return tuple(found)

    def measure(self, key: str = "of") -> Measure | None:
        name = self.text(key)
        if name is None:
            return None
        found = self.known.measures.get(name)
        if found is None:
            self.fault((key,), f"no measure {name!r}", "one of: " + ", ".join(sorted(self.known.measures)))
        return found

    def unit(self, measure: Measure | None, others: tuple[str, ...] = ()) -> str | None:
        """Read the unit of the thresholds, which must be the measure's own (or one of *others*)."""
        unit = self.text("unit")
        if unit is None or measure is None:
            return None
        if unit not in (measure.unit, *others):
            self.fault(("unit",), f"the unit {unit!r} does not fit {measure.id}", " or ".join((measure.unit, *others)))
            return None
        return unit

    def finish(self) -> None:
        for key in self.node:
            if key not in self._taken:
                known = ", ".join(sorted(self._taken))
                self.fault((key,), f"{self.question!r} has no key {key!r}", f"one of: {known}" if known else "no keys")
