"""Bring the store's tables up to date, once, however many processes start at the same moment.

A store that is up to date costs one look; an empty one gets the tables of today at once. Only the way from an older
revision to today's needs the migrations, and with them Alembic, which takes a tenth of a second to load.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import StoreUnavailable
from cds_service.later import Later
from cds_service.store.tables import METADATA, NEWEST_REVISION, REVISION

_COMMAND = Later("alembic.command")
_CONFIG = Later("alembic.config")

_ADVISORY_LOCK = 7_748_001
"""Any number, the same in every version of this service: PostgreSQL's lock for our migrations."""


def revision_of(engine: Engine) -> str | None:
    """The revision the tables are at; None where there are none."""
    with engine.connect() as connection:
        return _revision(connection)


def migrate(engine: Engine) -> str:
    """Run the migrations that are missing and give the revision reached; raises StoreUnavailable."""
    try:
        if revision_of(engine) == NEWEST_REVISION:
            return NEWEST_REVISION
        with _only_one(engine), engine.connect() as connection:
            if inspect(connection).get_table_names():
                _COMMAND.upgrade(_config(connection), "head")
            else:
                _create(connection)
            connection.commit()
            return _revision(connection) or ""
    except SQLAlchemyError as error:
        raise StoreUnavailable(
            f"SPINE_CDS_DATABASE_URL: the store cannot be reached or brought up to date ({type(error).__name__}); see whether "
            "the database runs, and whether its user may create tables"
        ) from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(REVISION.name):
        return None
    return connection.execute(select(REVISION.c.version_num)).scalar()


def _create(connection: Connection) -> None:
    """Create every table as it is today, all of them or none. A test holds them against the migrations."""
    if connection.dialect.name == "sqlite":
        # Python's driver opens no transaction for CREATE TABLE by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    REVISION.create(connection)
    METADATA.create_all(connection)
    connection.execute(REVISION.insert().values(version_num=NEWEST_REVISION))


def _config(connection: Connection) -> Any:
    config = _CONFIG.Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


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
