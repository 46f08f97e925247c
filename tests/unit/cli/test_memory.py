"""Memory of a serving process: huge pages where the system has them, and nothing amiss where it has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.cli import memory

MAPS = """\
555500000000-555500100000 rw-p 00000000 00:00 0                          [heap]
7f0000100000-7f0000700000 rw-p 00000000 00:00 0
7f0001000000-7f0001200000 r--p 00000000 00:00 0
7f0002000000-7f0002400000 rw-p 00000000 fd:00 1234                       /srv/shared memory
7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_whole_huge_pages_of_our_own_memory_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = tmp_path / "maps"
    maps.write_text(MAPS)
    monkeypatch.setattr(memory, "_MAPS", maps)

    assert list(memory._huge_places()) == [0x7F0000200000, 0x7F0000400000]


def test_what_was_in_memory_is_there_afterwards() -> None:
    kept = bytearray(b"spine" * 2_000_000)

    made = memory.use_huge_pages()

    assert made >= 0 and kept == b"spine" * 2_000_000


def test_another_system_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MAPS", tmp_path / "none")

    assert memory.use_huge_pages() == 0
