"""The store, on SQLite and PostgreSQL alike: durable before acknowledged, repeats harmless, nobody's name in it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text

from cds_service.errors import StoreUnavailable
from cds_service.store.feedback import NOT_OFFERED, FeedbackEntry, IssuedCard, Store
from cds_service.store.migrate import revision_of
from cds_service.store.tables import FEEDBACK, ISSUED_CARDS, METADATA, NEWEST_REVISION, SEEN_TOKENS
from tests.unit.store.conftest import REASONS

CARD = "278d98fe-e025-56ff-a970-208ec68379e1"
SUGGESTION = "7b074ad0-6e1d-51c5-aa56-0ce765812caf"
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def an_entry(**changes) -> FeedbackEntry:
    return FeedbackEntry(**{"card": CARD, "outcome": "overridden", "outcome_at": NOW} | changes)


def an_issued_card(card: str = CARD) -> IssuedCard:
    return IssuedCard(card, ("RF10", "MATRIX"), (SUGGESTION,), "2026.1", "spine-rehab-patient-view", "north", NOW)


def keep(store: Store, *entries: FeedbackEntry):
    return store.keep_feedback(entries, "spine-rehab-patient-view", "north", NOW)


def rows(store: Store, table):
    with store.engine.connect() as connection:
        return [row._mapping for row in connection.execute(select(table))]


def wait_for(store: Store, table, count: int) -> None:
    until = time.monotonic() + 5
    while len(rows(store, table)) < count and time.monotonic() < until:
        time.sleep(0.02)
    assert len(rows(store, table)) == count


@pytest.mark.rule("F3")
def test_f3_feedback_is_on_disk_when_it_is_acknowledged(store: Store, url: str) -> None:
    keep(store, an_entry())

    other = Store(url)
    assert len(rows(other, FEEDBACK)) == 1
    other.close()


@pytest.mark.rule("F2")
def test_f2_an_exact_repeat_changes_nothing(store: Store) -> None:
    keep(store, an_entry())

    again = keep(store, an_entry(), an_entry())

    assert (again.new, again.repeated, len(rows(store, FEEDBACK))) == (0, 2, 1)


@pytest.mark.rule("F2")
def test_f2_later_reports_of_the_same_card_are_all_kept(store: Store) -> None:
    keep(store, an_entry(), an_entry(outcome_at=NOW + timedelta(seconds=1)), an_entry(outcome="accepted"))

    assert len(rows(store, FEEDBACK)) == 3


def test_feedback_of_a_card_we_noted_is_marked_known_and_other_unknown(store: Store) -> None:
    store.note_issued([an_issued_card()])
    wait_for(store, ISSUED_CARDS, 1)

    stored = keep(store, an_entry(), an_entry(card=SUGGESTION))

    assert stored.unknown_cards == 1
    assert {row["card"]: row["card_known"] for row in rows(store, FEEDBACK)} == {CARD: True, SUGGESTION: False}


def test_the_same_card_issued_again_is_noted_once(store: Store) -> None:
    store.note_issued([an_issued_card(), an_issued_card()])
    store.note_issued([an_issued_card(), an_issued_card(SUGGESTION)])

    wait_for(store, ISSUED_CARDS, 2)


def test_closing_the_store_writes_what_waits(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.note_issued([an_issued_card()])

    store.close()

    other = Store(url)
    assert len(rows(other, ISSUED_CARDS)) == 1
    other.close()


def test_what_a_client_writes_into_ids_and_codes_is_not_kept(store: Store) -> None:
    canary = "Zebulon Canary 1950-01-01"

    keep(store, an_entry(card=canary, accepted_suggestions=(canary,), reason=(canary, canary), has_comment=True))

    (row,) = rows(store, FEEDBACK)
    assert "Canary" not in repr(dict(row)) and row["reason_code"] == NOT_OFFERED and row["has_comment"]


def test_a_reason_we_offered_is_kept(store: Store) -> None:
    keep(store, an_entry(reason=REASONS[0]))

    assert (rows(store, FEEDBACK)[0]["reason_system"], rows(store, FEEDBACK)[0]["reason_code"]) == REASONS[0]


def test_a_token_is_new_once_within_its_lifetime(url: str) -> None:
    now = [1_000.0]
    store = Store(url, clock=lambda: now[0])
    store.migrate()

    assert store.remember("north", "digest", 2_000)
    assert not store.remember("north", "digest", 2_000)
    assert store.remember("south", "digest", 2_000)
    now[0] = 2_500.0
    assert store.remember("north", "digest", 3_000)
    store.close()


def test_expired_tokens_are_forgotten(url: str) -> None:
    now = [1_000.0]
    store = Store(url, clock=lambda: now[0])
    store.migrate()
    for number in range(5):
        store.remember("north", f"digest-{number}", 1_100)
    now[0] = 5_000.0

    store.remember("north", "another", 6_000)

    assert len(rows(store, SEEN_TOKENS)) == 1
    store.close()


@pytest.mark.rule("J6")
def test_j6_of_many_threads_with_one_token_exactly_one_is_first(store: Store) -> None:
    answers: list[bool] = []
    until = int(time.time()) + 300
    threads = [
        threading.Thread(target=lambda: answers.append(store.remember("north", "digest", until))) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 7 + [True]


def _remember_in_a_process(url: str, until: int, answers) -> None:
    store = Store(url)
    answers.put(store.remember("north", "digest", until))
    store.close()


@pytest.mark.rule("J6")
def test_j6_of_many_processes_with_one_token_exactly_one_is_first(store: Store, url: str) -> None:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    until = int(time.time()) + 300
    processes = [context.Process(target=_remember_in_a_process, args=(url, until, answers)) for _ in range(3)]

    for process in processes:
        process.start()
    found = sorted(answers.get(timeout=30) for _ in processes)
    for process in processes:
        process.join()

    assert found == [False, False, True]


def test_many_starts_at_once_migrate_once(url: str) -> None:
    stores = [Store(url) for _ in range(4)]
    reached: list[str] = []
    threads = [threading.Thread(target=lambda one=one: reached.append(one.migrate())) for one in stores]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert reached == [NEWEST_REVISION] * 4
    for one in stores:
        one.close()


def _differences(store: Store) -> list[object]:
    with store.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), METADATA)


def _tables(store: Store) -> dict[str, object]:
    look = inspect(store.engine)
    return {
        name: (
            [(one["name"], str(one["type"]), one["nullable"]) for one in look.get_columns(name)],
            look.get_pk_constraint(name)["constrained_columns"],
            sorted((one["name"], one["column_names"], one["unique"]) for one in look.get_indexes(name)),
            [one["column_names"] for one in look.get_unique_constraints(name)],
        )
        for name in look.get_table_names()
    }


def test_the_newest_revision_is_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "cds_service/store/migrations")

    assert ScriptDirectory.from_config(config).get_current_head() == NEWEST_REVISION


def test_an_empty_store_gets_exactly_the_tables_that_the_migrations_give(store: Store) -> None:
    at_once = _tables(store)
    assert _differences(store) == []
    assert revision_of(store.engine) == NEWEST_REVISION

    METADATA.drop_all(store.engine)
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    assert store.migrate() == NEWEST_REVISION

    assert _tables(store) == at_once
    assert _differences(store) == []


def test_a_creation_that_fails_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(url)
    monkeypatch.setattr("cds_service.store.migrate.NEWEST_REVISION", object())

    with pytest.raises(StoreUnavailable):
        store.migrate()

    assert inspect(store.engine).get_table_names() == []
    store.close()


def test_a_store_without_tables_is_not_ready(url: str) -> None:
    store = Store(url)

    with pytest.raises(StoreUnavailable):
        store.ping()
    store.close()


@pytest.mark.parametrize("url", ["sqlite:////proc/no/such.sqlite3", "postgresql+psycopg://u:hunter2@127.0.0.1:1/x"])
def test_a_store_that_is_down_is_said_without_its_password(url: str) -> None:
    store = Store(url)

    with pytest.raises(StoreUnavailable) as caught:
        keep(store, an_entry())

    assert "hunter2" not in str(caught.value) and caught.value.__cause__ is None
    store.close()


def test_issued_cards_that_cannot_be_noted_are_counted_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[int] = []
    monkeypatch.setattr("cds_service.store.feedback._TRIES", 1)
    store = Store("sqlite:////proc/no/such.sqlite3", on_dropped=dropped.append)

    began = time.monotonic()
    store.note_issued([an_issued_card()])
    waited = time.monotonic() - began
    store.close()

    assert dropped == [1] and waited < 0.2


def test_a_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    dropped: list[int] = []
    monkeypatch.setattr("cds_service.store.feedback._WAITING_MOST", 2)
    monkeypatch.setattr(Store, "_write", lambda self: time.sleep(0.2))
    store = Store(f"sqlite:///{tmp_path / 'x.sqlite3'}", on_dropped=dropped.append)

    store.note_issued(an_issued_card() for _ in range(5))

    assert dropped == [3]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_opens_its_own_connections(store: Store) -> None:
    parent_engine = store.engine
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.keep_feedback([an_entry()], "s", "north", NOW)
            os.write(writing, b"own" if store.engine is not parent_engine else b"shared")
            store.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 10) == b"own"
    assert len(rows(store, FEEDBACK)) == 1
