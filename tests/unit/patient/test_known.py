"""Words of a chart are found, unless the words around them say that it is not there."""

from __future__ import annotations

import pytest

from tests.builders import knowledge


@pytest.mark.parametrize(
    ("said", "codelist"),
    [
        ("DVT of the left leg", "dvt"),
        ("No improvement of left leg weakness", "motor_loss"),
        ("Not ruled out DVT", "dvt"),
        ("Non-healing wound infection", "wound_infection_depth_open"),
        ("History of falls", "fall_risk"),
        ("Current smoker", "smoking"),
    ],
)
def test_what_stands_there_is_found(said: str, codelist: str) -> None:
    assert codelist in knowledge().known.index.lists_of_words(said)


@pytest.mark.parametrize(
    ("said", "codelist"),
    [
        ("No DVT", "dvt"),
        ("DVT prophylaxis", "dvt"),
        ("DVT: ruled out", "dvt"),
        ("ruled out DVT", "dvt"),
        ("Mother with osteoporosis", "osteoporosis"),
        ("Family history of osteoporosis", "osteoporosis"),
        ("ex-smoker", "smoking"),
        ("Never smoker", "smoking"),
        ("denies chest pain", "chest_pain"),
    ],
)
def test_what_is_not_there_is_not_found(said: str, codelist: str) -> None:
    assert codelist not in knowledge().known.index.lists_of_words(said)
