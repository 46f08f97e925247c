"""The operation tables as they are shipped, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.errors import Fault
from cds_service.knowledge.surgery import SurgeryKnowledge, load_surgery

CARDS = Path(__file__).parents[4] / "cards"


@pytest.fixture(scope="session")
def surgery() -> SurgeryKnowledge:
    faults: list[Fault] = []
    knowledge = load_surgery(CARDS, faults)
    assert faults == []
    return knowledge
