"""The store: which card came from which rule, what became of it, which tokens were seen. No patient, no user.

Feedback is written before it is acknowledged. Issued cards are noted in the background, so that a hook call never
waits for the store; what cannot be noted is dropped and counted, and its feedback is kept as "card not known".
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Engine, Table, create_engine, delete, event, make_url, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from cds_service.errors import StoreUnavailable
from cds_service.later import Later
from cds_service.store.migrate import migrate
from cds_service.store.tables import FEEDBACK, ISSUED_CARDS, SEEN_TOKENS

_LOG = logging.getLogger(__name__)

_POSTGRESQL = Later("sqlalchemy.dialects.postgresql")
"""Its five drivers take 20 ms to load; a store on PostgreSQL has loaded it before the fork, when it was migrated."""

NOT_OFFERED = "other"
"""Stands for a reason code that we never offered: such a code may hold anything, so it is not kept."""

_SQLITE_BUSY_SECONDS = 5
_POSTGRES_CONNECT_SECONDS = 3
_POSTGRES_STATEMENT_MILLISECONDS = 5_000
_POSTGRES_WAIT_SECONDS = 6.0
"""A little longer than a statement may take: beyond it the server itself does not answer."""
_WAITING_MOST = 10_000
_BATCH_MOST = 500
_BATCH_SECONDS = 0.2
_TRIES = 3
_PURGE_EVERY_SECONDS = 60.0


class IssuedCard(Struct, frozen=True, gc=False):
    """A card as sent: *rules* are the ids of the rules behind it, worst first."""

    card: str
    rules: tuple[str, ...]
    suggestions: tuple[str, ...]
    knowledge_version: str
    service: str
    tenant: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """What became of a card. *reason* is (system, code); *has_comment* that a text came, which is never kept."""

    card: str
    outcome: str
    outcome_at: datetime
    accepted_suggestions: tuple[str, ...] = ()
    reason: tuple[str, str] | None = None
    has_comment: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """How many entries were new, how many exact repeats, how many told of cards we did not note as issued."""

    new: int
    repeated: int
    unknown_cards: int


class Store:
    """One per process tree; safe for threads and after a fork (each process opens its own connections).

    *offered_reasons* are the (system, code) pairs our cards offer; other codes are kept as NOT_OFFERED.
    *on_dropped* is told how many issued cards could not be noted. *clock* gives Unix seconds.
    """

    def __init__(
        self,
        url: str,
        offered_reasons: Iterable[tuple[str, str]] = (),
        on_dropped: Callable[[int], None] = lambda cards: None,
        clock: Callable[[], float] = time.time,
    ):
        self._url = url
        self._clock = clock
        self._reasons = frozenset(offered_reasons)
        self._on_dropped = on_dropped
        self._guard = threading.Lock()
        self._pid = -1
        self._engine: Engine | None = None
        self._waiting: deque[IssuedCard] = deque()
        self._came = threading.Event()
        self._closes = threading.Event()
        self._writer: threading.Thread | None = None
        self._purged_at = 0.0

    @property
    def engine(self) -> Engine:
        """This process's engine."""
        return self._settle_here()

    def _settle_here(self) -> Engine:
        """Give each process an engine, a queue and a writer of its own.

        What was inherited over a fork is left alone: its sockets belong to the parent.
        """
        engine = self._engine
        if self._pid == os.getpid() and engine is not None:
            return engine
        with self._guard:
            if self._pid == os.getpid() and self._engine is not None:
                return self._engine
            if self._engine is not None:
                self._engine.dispose(close=False)
            self._engine = _open(self._url)
            self._waiting = deque()
            self._came, self._closes = threading.Event(), threading.Event()
            self._writer = None
            self._pid = os.getpid()
            return self._engine

    def migrate(self) -> str:
        return migrate(self.engine)

    def close(self) -> None:
        """Write what waits and close the connections."""
        if self._pid != os.getpid():
            return
        writer = self._writer
        if writer is not None and writer.is_alive():
            self._closes.set()
            self._came.set()
            writer.join(timeout=_TRIES + 2)
        self._writer = None
        if self._engine is not None:
            self._engine.dispose()

    def ping(self) -> None:
        """Raise StoreUnavailable where the store does not answer or has no tables."""
        with self._telling(), self.engine.connect() as connection:
            connection.execute(select(ISSUED_CARDS.c.card).limit(1)).first()

    # -- feedback

    def keep_feedback(
        self, entries: Sequence[FeedbackEntry], service: str, tenant: str, received_at: datetime
    ) -> Stored:
        """Store *entries* durably, all or none; raises StoreUnavailable. Exact repeats change nothing."""
        rows = [self._row(entry, service, tenant, received_at) for entry in entries]
        cards = {row["card"] for row in rows}
        with self._telling():
            with self.engine.connect() as connection:
                found = connection.execute(select(ISSUED_CARDS.c.card).where(ISSUED_CARDS.c.card.in_(cards)))
                known = {row.card for row in found}
            for row in rows:
                row["card_known"] = row["card"] in known
            with self.engine.begin() as connection:
                insert = self._insert(FEEDBACK).on_conflict_do_nothing().returning(FEEDBACK.c.id)
                new = sum(len(connection.execute(insert, row).all()) for row in rows)
        return Stored(new, len(rows) - new, sum(1 for row in rows if not row["card_known"]))

    def _row(self, entry: FeedbackEntry, service: str, tenant: str, received_at: datetime) -> dict[str, object]:
        card = _kept_id(entry.card)
        suggestions = ",".join(_kept_id(one) for one in entry.accepted_suggestions)
        system, code = entry.reason or (None, None)
        if entry.reason is not None and entry.reason not in self._reasons:
            system, code = None, NOT_OFFERED
        outcome_at = entry.outcome_at.astimezone(UTC)
        told = (tenant, service, card, entry.outcome, outcome_at.isoformat(), suggestions, system, code)
        fingerprint = hashlib.sha256(repr((*told, entry.has_comment)).encode()).hexdigest()
        return {
            "fingerprint": fingerprint,
            "card": card,
            "service": service,
            "tenant": tenant,
            "outcome": entry.outcome,
            "outcome_at": outcome_at,
            "accepted_suggestions": suggestions,
            "reason_system": system,
            "reason_code": code,
            "has_comment": entry.has_comment,
            "received_at": received_at.astimezone(UTC),
        }

    # -- issued cards

    def note_issued(self, cards: Iterable[IssuedCard]) -> None:
        """Take note of *cards* soon; never waits, never raises. Cards that find no room are dropped and counted."""
        self._settle_here()
        waiting = self._waiting
        dropped = 0
        for card in cards:
            if len(waiting) < _WAITING_MOST:
                waiting.append(card)
            else:
                dropped += 1
        if waiting and not self._came.is_set():
            self._came.set()
        if dropped:
            self._on_dropped(dropped)
        if self._writer is None:
            self._start_writer()

    def _start_writer(self) -> None:
        with self._guard:
            if self._writer is None:
                self._closes.clear()
                self._writer = threading.Thread(target=self._write_until_closed, name="issued-cards", daemon=True)
                self._writer.start()

    def _write_until_closed(self) -> None:
        """Run the writer; should it fail, the next card starts another."""
        try:
            self._write()
        finally:
            if self._writer is threading.current_thread():
                self._writer = None

    def _write(self) -> None:
        """Write what came since the last time, a few times a second: to be woken for each card would take more of the
        processor than to write it, and take it from the thread that answers."""
        closes = False
        while not closes:
            self._came.wait()
            closes = self._closes.wait(_BATCH_SECONDS)
            self._came.clear()
            while self._waiting:
                self._write_batch([self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH_MOST))])

    def _write_batch(self, batch: list[IssuedCard]) -> None:
        rows = [
            {
                "card": one.card,
                "rules": ",".join(one.rules),
                "suggestions": ",".join(one.suggestions),
                "knowledge_version": one.knowledge_version,
                "service": one.service,
                "tenant": one.tenant,
                "issued_at": one.issued_at.astimezone(UTC),
            }
            for one in batch
        ]
        for attempt in range(_TRIES):
            try:
                with self.engine.begin() as connection:
                    connection.execute(self._insert(ISSUED_CARDS).on_conflict_do_nothing(), rows)
                return
            except SQLAlchemyError as error:
                _LOG.warning("issued cards not noted, attempt %d: %s", attempt + 1, type(error).__name__)
                time.sleep(attempt)
        self._on_dropped(len(batch))

    # -- tokens

    def remember(self, tenant_id: str, jti_digest: str, expires_at: int) -> bool:
        """Keep *jti_digest* until *expires_at* (Unix seconds); False when it was kept already; one atomic step.

        Holds across threads, processes and machines that share the store. Raises StoreUnavailable.
        """
        now = self._clock()
        until = datetime.fromtimestamp(expires_at, UTC)
        fresh = self._insert(SEEN_TOKENS).values(tenant=tenant_id, jti_hash=jti_digest, expires_at=until)
        fresh = fresh.on_conflict_do_update(
            index_elements=["tenant", "jti_hash"],
            set_={"expires_at": fresh.excluded.expires_at},
            where=SEEN_TOKENS.c.expires_at < datetime.fromtimestamp(now, UTC),
        ).returning(SEEN_TOKENS.c.tenant)
        with self._telling(), self.engine.begin() as connection:
            is_first = connection.execute(fresh).first() is not None
            if now - self._purged_at > _PURGE_EVERY_SECONDS:
                self._purged_at = now
                connection.execute(
                    delete(SEEN_TOKENS).where(SEEN_TOKENS.c.expires_at < datetime.fromtimestamp(now, UTC))
                )
        return is_first

    # -- what both databases share

    def _insert(self, table: Table) -> Any:
        return (_POSTGRESQL if self.engine.dialect.name == "postgresql" else sqlite).insert(table)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            # The original holds statement and values; only its kind goes on.
            raise StoreUnavailable(f"the store does not answer: {type(error).__name__}") from None


def _kept_id(given: str) -> str:
    """A uuid as such; anything else as a digest, because an id we did not make may hold anything."""
    try:
        return str(UUID(given))
    except ValueError:
        return "x" + hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:32]


def _open(url: str) -> Engine:
    if url in ("sqlite://", "sqlite:///:memory:"):
        return create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": _SQLITE_BUSY_SECONDS, "check_same_thread": False})
        event.listen(engine, "connect", _durable_sqlite)
        return engine
    engine = _postgres(url)
    event.listen(engine, "do_connect", _connect_impatiently)
    return engine


def _postgres(url: str) -> Engine:
    options = f"{make_url(url).query.get('options', '')} -c statement_timeout={_POSTGRES_STATEMENT_MILLISECONDS}"
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=_POSTGRES_CONNECT_SECONDS,
        connect_args={
            "connect_timeout": _POSTGRES_CONNECT_SECONDS,
            "options": options.strip(),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": _POSTGRES_STATEMENT_MILLISECONDS,
        },
    )


def _connect_impatiently(dialect: Any, record: Any, given: Any, named: Any) -> Any:
    """Connect so that a server which hangs (frozen, cut off) frees our thread: its own statement_timeout cannot."""
    return _impatient(dialect.dbapi.Connection).connect(*given, **named)


@functools.cache
def _impatient(kind: Any) -> Any:
    """Give psycopg's connection class *kind* with a limit to every wait; a connection that broke it is closed."""

    class ImpatientConnection(kind):
        def wait(self, gen: Any, *given: Any, **named: Any) -> Any:
            named["timeout"] = min(named.get("timeout") or _POSTGRES_WAIT_SECONDS, _POSTGRES_WAIT_SECONDS)
            try:
                return super().wait(gen, *given, **named)
            except Exception as error:
                if type(error).__name__ == "_WaitTimeout":
                    self.pgconn.finish()
                raise

    return ImpatientConnection


def _durable_sqlite(connection, record) -> None:
    """WAL lets readers and one writer live together; synchronous=FULL keeps an acknowledged report over a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
