"""The closed list of questions a knowledge file may ask, and the compiler from text to questions.

A condition is a block with one key: a question with its arguments, or `all`, `any`, `not`, `not_ruled_out` around
other conditions. To ask something new, add a class under questions/ with its `needs`, a line here, a test, and a
paragraph in cards/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cds_service.errors import Fault
from cds_service.patient.known import Known
from cds_service.patient.questions.about_conditions import CONDITION_QUESTIONS
from cds_service.patient.questions.about_measures import MEASURE_QUESTIONS
from cds_service.patient.questions.about_operation import OPERATION_QUESTIONS
from cds_service.patient.questions.arguments import Arguments, Condition, Place
from cds_service.patient.questions.logic import All, Always, Not, NotRuledOut
from cds_service.patient.questions.logic import Any as AnyOf


def _always(arguments: Arguments) -> Condition:
    return Always()


QUESTIONS: dict[str, Callable[[Arguments], Condition | None]] = {
    "always": _always,
    **OPERATION_QUESTIONS,
    **MEASURE_QUESTIONS,
    **CONDITION_QUESTIONS,
}
COMBINATORS = ("all", "any", "not", "not_ruled_out")


def compile_condition(node: Any, known: Known, place: Place, faults: list[Fault]) -> Condition:
    """Compile the text *node* of a knowledge file into a question.

    Every fault is added to *faults* with its place; the condition given back then answers as `always` and must not
    be used, because faulty knowledge stops the start.
    """
    return _compile(node, known, place, faults, ())


def _compile(node: Any, known: Known, place: Place, faults: list[Fault], path: tuple[str | int, ...]) -> Condition:
    if not isinstance(node, dict) or len(node) != 1:
        faults.append(Fault(place(path), "a condition is a block with exactly one question", _known_words()))
        return Always()
    word, inner = next(iter(node.items()))
    if word in ("all", "any"):
        return _compile_list(word, inner, known, place, faults, (*path, word))
    if word in ("not", "not_ruled_out"):
        part = _compile(inner, known, place, faults, (*path, word))
        return Not(part, part.needs) if word == "not" else NotRuledOut(part, part.needs)
    question = QUESTIONS.get(word)
    if question is None:
        faults.append(Fault(place((*path, word)), f"{word!r} is not a question we know", _known_words()))
        return Always()
    arguments = Arguments(word, inner, known, place, faults, (*path, word))
    compiled = question(arguments)
    arguments.finish()
    return compiled or Always()


def _compile_list(
    word: str, inner: Any, known: Known, place: Place, faults: list[Fault], path: tuple[str | int, ...]
) -> Condition:
    if not isinstance(inner, list) or not inner:
        faults.append(
            Fault(place(path), f"{word!r} takes a list of conditions", "one or more conditions, each after a dash")
        )
        return Always()
    parts = tuple(_compile(part, known, place, faults, (*path, index)) for index, part in enumerate(inner))
    needs = frozenset().union(*(part.needs for part in parts))
    return All(parts, needs) if word == "all" else AnyOf(parts, needs)


def questions_in(condition: Condition) -> Iterator[Condition]:
    """Give every question of *condition*, whatever it is put together from."""
    if isinstance(condition, All | AnyOf):
        for part in condition.parts:
            yield from questions_in(part)
    elif isinstance(condition, Not | NotRuledOut):
        yield from questions_in(condition.part)
    else:
        yield condition


def _known_words() -> str:
    return "one of: " + ", ".join((*COMBINATORS, *sorted(QUESTIONS)))


__all__ = ["COMBINATORS", "QUESTIONS", "Condition", "compile_condition", "questions_in"]
