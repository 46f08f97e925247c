"""The shipped knowledge, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge

CARDS = Path(__file__).parents[3] / "cards"


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)
