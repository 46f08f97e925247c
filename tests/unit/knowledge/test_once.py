"""What is knowledge alone is worked out once, and never in a table without end."""

from __future__ import annotations

from dataclasses import replace

from cds_service.knowledge import model
from tests.builders import knowledge


def test_a_question_is_worked_out_once() -> None:
    ours, asked = replace(knowledge()), []

    answers = [ours.once("question", lambda: asked.append(1) or "answer") for _ in range(3)]

    assert answers == ["answer"] * 3 and len(asked) == 1


def test_the_table_of_answers_has_an_end(monkeypatch) -> None:
    monkeypatch.setattr(model, "_WORKED_OUT_MOST", 2)
    ours = replace(knowledge())

    assert [ours.once(number, lambda number=number: number + 1) for number in range(5)] == [1, 2, 3, 4, 5]
    assert len(ours._worked_out) <= 2


def test_what_was_asked_last_is_kept_and_the_rest_goes(monkeypatch) -> None:
    monkeypatch.setattr(model, "_KEPT_MOST", 3)
    ours, worked_out = replace(knowledge()), []

    def ask(question: int) -> str:
        return ours.kept(question, lambda: worked_out.append(question) or f"answer {question}")

    for number in range(1, 20):
        assert ask(0) == "answer 0"
        assert ask(number) == ask(number) == f"answer {number}"

    assert worked_out == list(range(20))
    assert sum(map(len, ours._kept)) <= 6
    assert ask(1) == "answer 1" and worked_out[-1] == 1
