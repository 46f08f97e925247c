"""The orders of the knowledge are held against FHIR before the service takes its first call."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import sample_orders
from cds_service.cli.sample_orders import order_faults, orders_checked_beside
from cds_service.cli.serve import serve
from cds_service.errors import Fault, KnowledgeFaults
from cds_service.knowledge.load import load_knowledge
from cds_service.knowledge.model import Knowledge

CARDS = Path(__file__).parents[3] / "cards"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge(CARDS)


@pytest.fixture(scope="module")
def broken(knowledge: Knowledge) -> Knowledge:
    """A FHIR code has no two blanks in a row."""
    content = knowledge.order_content
    targets = tuple(replace(target, unit="min  d") for target in content.targets)
    return replace(knowledge, order_content=replace(content, targets=targets))


def test_sound_orders_let_the_start_go_on(knowledge: Knowledge) -> None:
    with orders_checked_beside(knowledge, {"pa"}):
        went_on = True

    assert went_on


def test_orders_that_fhir_forbids_end_the_start(broken: Knowledge) -> None:
    with pytest.raises(KnowledgeFaults) as caught, orders_checked_beside(broken, {"pa"}):
        pass

    assert list(caught.value.faults) == order_faults(broken, {"pa"})
    assert any("profile pa" in fault.where and "Goal." in fault.what for fault in caught.value.faults)


def test_a_check_that_dies_ends_the_start_too(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(knowledge: Knowledge, profiles: Collection[str]) -> list[Fault]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    monkeypatch.setattr(sample_orders, "order_faults", die)

    with pytest.raises(KnowledgeFaults, match="check died"), orders_checked_beside(knowledge, {"pa"}):
        pass


def test_a_start_that_fails_by_itself_does_not_wait_for_the_check(knowledge: Knowledge) -> None:
    with pytest.raises(ZeroDivisionError), orders_checked_beside(knowledge, {"pa"}):
        raise ZeroDivisionError


def test_serve_takes_no_call_with_orders_that_fhir_forbids(
    broken: Knowledge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cds_service.cli.serve.load_knowledge", lambda *given: broken)
    environment = {"SPINE_CDS_DATABASE_URL": f"sqlite:///{tmp_path / 'store.sqlite3'}"}

    result = CliRunner().invoke(serve, env=environment)

    assert result.exit_code == 4
    assert "orders of LUM_FUS" in result.output and "Goal." in result.output
