"""Work in steps gives what it returns and raises what it raises, however its steps are taken."""

from __future__ import annotations

import pytest

from cds_service.steps import Steps, finish


def counted(upto: int, said: list[int]) -> Steps[str]:
    for number in range(upto):
        said.append(number)
        yield
    return "done"


@pytest.mark.parametrize("upto", [0, 1, 3])
def test_all_steps_are_taken_and_the_result_is_given(upto: int) -> None:
    said: list[int] = []

    assert finish(counted(upto, said)) == "done"
    assert said == list(range(upto))


def test_what_a_step_raises_is_raised() -> None:
    def fail() -> Steps[None]:
        yield
        raise KeyError("step")

    with pytest.raises(KeyError, match="step"):
        finish(fail())
