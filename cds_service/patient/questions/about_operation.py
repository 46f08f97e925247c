"""Questions about the operation and the person: kind, region, approach, levels, time since, age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cds_service.patient.facts import Asked
from cds_service.patient.finding import Answer, Finding
from cds_service.patient.questions.arguments import Arguments, Condition

_NOTHING: frozenset[str] = frozenset()
_WORD_FACTS = {"region": "region", "approach": "approach", "technique": "technique"}
_YES_FACTS = {"instrumented": "instruments or implants", "fusion": "a fusion", "revision": "a revision"}
_TIMES = {"day_after_surgery": ("post_op_day", "day"), "week_after_surgery": ("completed_week", "completed week")}


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """Whether a fact of the operation is one of the named words."""

    fact: str
    words: frozenset[str]
    needs: frozenset[str] = frozenset({"procedures"})

    def ask(self, asked: Asked) -> Finding:
        value = getattr(asked.operation, self.fact)
        if value is None:
            name = _WORD_FACTS[self.fact]
            return Finding(Answer.UNKNOWN, f"the {name} of the operation is not recorded", missing=(name,))
        answer = Answer.MET if value in self.words else Answer.NOT_MET
        return Finding(answer, f"{_WORD_FACTS[self.fact]} {value}")


@dataclass(frozen=True, slots=True)
class IsOfType:
    """Whether the operation is of one of the named types. A type that may hold as well counts; a guess leaves it open."""

    types: frozenset[str]
    needs: frozenset[str] = frozenset({"procedures"})

    def ask(self, asked: Asked) -> Finding:
        operation = asked.operation
        for surgery_type in (operation.surgery_type, *operation.also_types):
            if surgery_type in self.types:
                return Finding(Answer.MET, f"operation {surgery_type}")
        if operation.guessed_type in self.types:
            because = f"the operation may be {operation.guessed_type}, but only text says so"
            return Finding(Answer.UNKNOWN, because, missing=("kind of operation",))
        return Finding(Answer.NOT_MET, f"operation {operation.surgery_type}")


@dataclass(frozen=True, slots=True)
class Was:
    """Whether the operation had this property (instruments, fusion, revision)."""

    fact: str
    needs: frozenset[str] = frozenset({"procedures"})

    def ask(self, asked: Asked) -> Finding:
        value = getattr(asked.operation, self.fact)
        name = _YES_FACTS[self.fact]
        if value is None:
            return Finding(Answer.UNKNOWN, f"not recorded whether the operation was or had {name}", missing=(name,))
        return Finding(Answer.MET, f"with {name}") if value else Finding(Answer.NOT_MET, f"without {name}")


@dataclass(frozen=True, slots=True)
class Levels:
    """How many motion segments were operated. A code that says "2 or more" decides only downwards."""

    at_least: float | None
    at_most: float | None
    needs: frozenset[str] = frozenset({"procedures"})

    def ask(self, asked: Asked) -> Finding:
        count = asked.operation.level_count
        if count is None:
            return Finding(Answer.UNKNOWN, "the number of levels is not recorded", missing=("number of levels",))
        open_ended = asked.operation.level_count_is_minimum
        enough = self.at_least is None or count >= self.at_least
        few = self.at_most is None or count <= self.at_most
        if open_ended and (not enough or self.at_most is not None) and few:
            return Finding(
                Answer.UNKNOWN,
                f"{count} or more levels, the exact number is not recorded",
                missing=("number of levels",),
            )
        said = f"{count} or more levels" if open_ended else f"{count} level{'' if count == 1 else 's'}"
        return Finding(Answer.MET if enough and few else Answer.NOT_MET, said)


@dataclass(frozen=True, slots=True)
class Since:
    """Whether the day or completed week after surgery lies in an interval ([at_least, below), or up to at_most)."""

    fact: str
    word: str
    at_least: float | None
    at_most: float | None
    below: float | None
    needs: frozenset[str] = frozenset({"procedures"})

    def ask(self, asked: Asked) -> Finding:
        value = getattr(asked.operation, self.fact)
        if value is None:
            return Finding(
                Answer.UNKNOWN, "the date of the operation is not recorded", missing=("date of the operation",)
            )
        fits = (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )
        return Finding(Answer.MET if fits else Answer.NOT_MET, f"{self.word} {value} after surgery")


@dataclass(frozen=True, slots=True)
class Age:
    """Whether the patient's age in completed years lies in [at_least, below)."""

    at_least: float | None
    below: float | None
    needs: frozenset[str] = frozenset({"patient"})

    def ask(self, asked: Asked) -> Finding:
        ages = age_bounds_years(asked)
        if ages is None:
            return Finding(Answer.UNKNOWN, "the date of birth is not recorded", missing=("date of birth",))
        youngest, oldest = ages
        said = f"age {youngest}" if youngest == oldest else f"age {youngest} to {oldest}"
        fits = {self._fits(youngest), self._fits(oldest)}
        if len(fits) > 1:
            return Finding(
                Answer.UNKNOWN, f"{said}: the date of birth is recorded without its day", missing=("date of birth",)
            )
        return Finding(Answer.MET if fits.pop() else Answer.NOT_MET, said)

    def _fits(self, years: int) -> bool:
        return (self.at_least is None or years >= self.at_least) and (self.below is None or years < self.below)


def age_bounds_years(asked: Asked) -> tuple[int, int] | None:
    """Give the least and greatest age in completed years that the recorded birth date allows; None without one."""
    birth = asked.patient.birth_date if asked.patient is not None else None
    if birth is None or birth.earliest is None or birth.latest is None:
        return None
    return _years(birth.latest, asked.on), _years(birth.earliest, asked.on)


def _years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def compile_word_fact(arguments: Arguments) -> Condition:
    words = arguments.words("one_of")
    if not words:
        arguments.fault((), f"{arguments.question!r} lacks the key 'one_of'", "a list of words")
    if arguments.question == "surgery_type":
        return IsOfType(frozenset(words))
    return IsOneOf(arguments.question, frozenset(words))


def compile_yes_fact(arguments: Arguments) -> Condition:
    return Was(arguments.question)


def compile_levels(arguments: Arguments) -> Condition:
    return Levels(arguments.number("at_least"), arguments.number("at_most"))


def compile_since(arguments: Arguments) -> Condition:
    fact, word = _TIMES[arguments.question]
    return Since(fact, word, arguments.number("at_least"), arguments.number("at_most"), arguments.number("below"))


def compile_age(arguments: Arguments) -> Condition:
    arguments.text("unit", ("years",))
    return Age(arguments.number("at_least"), arguments.number("below"))


OPERATION_QUESTIONS = {
    "surgery_type": compile_word_fact,
    **dict.fromkeys(_WORD_FACTS, compile_word_fact),
    **dict.fromkeys(_YES_FACTS, compile_yes_fact),
    **dict.fromkeys(_TIMES, compile_since),
    "level_count": compile_levels,
    "age": compile_age,
}
