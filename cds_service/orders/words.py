"""Short names for operations, levels and weeks, used by cards, orders and explain alike. Plain text, no Markdown."""

from __future__ import annotations

import re
from functools import lru_cache

from cds_service.clinical.advice import Plan
from cds_service.clinical.operation import Operation
from cds_service.knowledge.model import Knowledge, Phase, Protocol
from cds_service.patient.chart_text import known_line, lower_first, one_line

_PROTOCOL_ID = re.compile(r"\b[A-Z]{2,8}_[A-Z]{2,8}\b")


def operation_name(protocol: Protocol) -> str:
    """Give the protocol's name without its footnotes ("Lumbar fusion: PLF, PLIF ..." -> "Lumbar fusion")."""
    return protocol.clinical_name


def levels_text(operation: Operation) -> str:
    """Give the levels as a surgeon says them: "L4-L5", "L3-S1" for a chain, "(2 levels)" where only
    their number is known, "" where nothing is."""
    levels = operation.levels
    if not levels:
        if operation.level_count is None:
            return ""
        least = "at least " if operation.level_count_is_minimum else ""
        return f"({least}{operation.level_count} level{'s' if operation.level_count != 1 else ''})"
    if len(levels) == 1:
        return one_line(levels[0], 24 if levels[0].count("-") == 1 else 40)
    ends = [level.split("-") for level in levels]
    chained = all(len(one) == 2 for one in ends) and all(a[1] == b[0] for a, b in zip(ends, ends[1:], strict=False))
    if chained:
        return one_line(f"{ends[0][0]}-{ends[-1][1]}", 24)
    return one_line(", ".join(levels), 40)


def with_names(text: str, knowledge: Knowledge) -> str:
    """Give *text* with the names of operations in place of their ids (LUM_DISC -> lumbar discectomy ...)."""
    if "_" not in text:
        return text

    def named(found: re.Match[str]) -> str:
        protocol = knowledge.protocols.get(found.group())
        return lower_first(operation_name(protocol)) if protocol is not None else found.group()

    return _PROTOCOL_ID.sub(named, text)


def operation_text(plan: Plan) -> str:
    """Give "Lumbar fusion L4-L5"."""
    levels = levels_text(plan.operation)
    return operation_name(plan.protocol) + (f" {levels}" if levels else "")


def weeks_text(phase: Phase) -> str:
    """Give "weeks 6 to 12" or "from week 52"; the end is the first week that no longer belongs to the phase."""
    if phase.to_week is None:
        return f"from week {phase.from_week}"
    return f"weeks {phase.from_week} to {phase.to_week}"


def phase_number(phase: Phase) -> str:
    """Give "2" for P2; another id stands as it is."""
    return phase.id[1:] if phase.id[:1] == "P" and phase.id[1:].isdigit() else phase.id


def exercise_name(knowledge: Knowledge, exercise: str) -> str:
    """Give the exercise's name; an id that the catalogue does not hold is shown as words."""
    known = knowledge.exercises.get(exercise)
    return known_line(known.name if known is not None else exercise.replace("_", " "), 80)


def short_exercise_name(knowledge: Knowledge, exercise: str) -> str:
    """Give the name for a row of names: without its bracket, in small letters, without commas of its own."""
    return _short(exercise_name(knowledge, exercise))


@lru_cache(maxsize=512)
def _short(name: str) -> str:
    words = name.split(" (")[0].split(", ")
    return lower_first(" ".join((words[1], words[0].lower())) if len(words) > 1 else words[0])
