"""A copy of the shipped folder that tests may damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeFaults
from cds_service.knowledge import load
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge

CARDS = Path(__file__).parents[3] / "cards"


class Folder:
    """A knowledge folder of one's own: `change` edits a file, `faults` loads it and gives what is wrong."""

    def __init__(self, path: Path):
        self.path = path

    def change(self, name: str, before: str, after: str) -> None:
        file = self.path / name
        text = file.read_text(encoding="utf-8")
        assert before in text, f"{before!r} is not in {name}"
        file.write_text(text.replace(before, after, 1), encoding="utf-8")

    def faults(self) -> list[str]:
        with pytest.raises(KnowledgeFaults) as found:
            load_knowledge(self.path)
        return [str(fault) for fault in found.value.faults]

    def load(self) -> Knowledge:
        return load_knowledge(self.path)


@pytest.fixture(scope="session")
def shipped() -> Knowledge:
    return load_knowledge(CARDS)


@pytest.fixture
def folder(tmp_path: Path, shipped: Knowledge, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """The tables of operation codes and words have tests of their own: here the shipped ones are taken as read."""
    monkeypatch.setattr(load, "load_surgery", lambda *_: shipped.surgery)
    shutil.copytree(CARDS, tmp_path / "cards")
    return Folder(tmp_path / "cards")


@pytest.fixture
def faulty(folder: Folder) -> Callable[[str, str, str], list[str]]:
    """Change one thing of the shipped folder and give the faults that follow."""

    def give(name: str, before: str, after: str) -> list[str]:
        folder.change(name, before, after)
        return folder.faults()

    return give
