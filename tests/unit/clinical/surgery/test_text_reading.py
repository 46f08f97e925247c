from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.clinical.operation import Assertion
from cds_service.clinical.surgery.text import read_text
from cds_service.errors import Fault
from cds_service.knowledge.words import Words, load_words

CARDS = Path(__file__).parents[4] / "cards" / "words"


@pytest.fixture(scope="module")
def words() -> Words:
    faults: list[Fault] = []
    loaded = load_words(CARDS, faults)
    assert faults == []
    return loaded


@pytest.mark.parametrize(
    ("text", "surgery_type", "levels"),
    [
        ("ACDF C5-6, C6-7", "CRV_ACDF", ("C5-C6", "C6-C7")),
        ("L4/5 TLIF", "LUM_FUS", ("L4-L5",)),
        ("Laminectomy L3-L5 without fusion", "LUM_LAMI", ("L3-L4", "L4-L5")),
        ("PR LAMNECTMY LUMBAR", "LUM_LAMI", ()),
        ("ARTHRD PST LMBR", "LUM_FUS", ()),
        ("kyphoplasty T12-L2", "VERT_AUG", ("T12", "L1", "L2")),
        ("removal of pedicle screws L4-S1", "HW_REM", ("L4-L5", "L5-S1")),
        ("excision of herniated disc L5-S1", "LUM_DISC", ("L5-S1",)),
    ],
)
def test_operation_and_levels_are_read(text: str, surgery_type: str, levels: tuple[str, ...], words: Words) -> None:
    reading = read_text(text, words)

    assert (reading.surgery_type, reading.levels) == (surgery_type, levels)
    assert reading.was_performed


@pytest.mark.parametrize("text", ["ankle fusion", "carpal tunnel decompression", "MRI L-spine", "cervical cerclage",
                                  "Lumbar ESI L4-5", "Physical therapy after lumbar fusion", "mother had spinal fusion"])  # fmt: skip
def test_near_misses_are_no_spine_operation(text: str, words: Words) -> None:
    assert read_text(text, words).is_spine_surgery is False


@pytest.mark.parametrize(
    ("text", "assertion"),
    [
        ("TLIF L4-5 cancelled", Assertion.NEGATED),
        ("TLIF L4-5. Cancelled due to fever.", Assertion.NEGATED),
        ("scheduled for ACDF C5-6", Assertion.PLANNED),
        ("s/p L4-5 microdiscectomy 2019", Assertion.HISTORY),
        ("L4-5 microdiscectomy", Assertion.PERFORMED),
    ],
)
def test_assertion_is_read(text: str, assertion: Assertion, words: Words) -> None:
    assert read_text(text, words).assertion is assertion
