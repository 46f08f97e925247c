"""Bring the store's tables up to date, once, however many processes start at the same moment."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import StoreUnavailable

_ADVISORY_LOCK = 7_748_001
"""Any number, the same in every version of this service: PostgreSQL's lock for our migrations."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def newest_revision() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def revision_of(engine: Engine) -> str | None:
    """The revision the tables are at; None where there are none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> str:
    """Run the migrations that are missing and give the revision reached; raises StoreUnavailable."""
    try:
        with _only_one(engine), engine.connect() as connection:
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            return MigrationContext.configure(connection).get_current_revision() or ""
    except SQLAlchemyError as error:
        raise StoreUnavailable(
            f"SPINE_CDS_DATABASE_URL: the store cannot be reached or brought up to date ({type(error).__name__}); see whether "
            "the database runs, and whether its user may create tables"
        ) from error


@contextmanager
def _only_one(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            _lock(connection, "pg_advisory_lock")
            try:
                yield
            finally:
                _lock(connection, "pg_advisory_unlock")
        return
    database = engine.url.database
    if not database or database == ":memory:":
        yield
        return
    with open(f"{database}-migrating", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(connection: Connection, function: str) -> None:
    connection.execute(text(f"SELECT {function}(:number)"), {"number": _ADVISORY_LOCK})
    connection.commit()
