"""A store on SQLite and on a real PostgreSQL that the tests start themselves, as a user who is not root."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.store.feedback import Store

REASONS = (("http://example.org/reasons", "refused"),)


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _unprivileged() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it runs as the user `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries (initdb) on this machine")
    pytest.importorskip("psycopg", reason="the extra `postgres` (psycopg) is not installed")
    who = _unprivileged()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="spine-cds-pg-") as name:
        folder = Path(name)
        if who:
            os.chown(folder, who["user"], who["group"])  # type: ignore[arg-type]
        how = {"check": True, "capture_output": True, "cwd": name, **who}
        subprocess.run([binaries / "initdb", "-D", folder / "db", "-U", "spine", "--auth=trust", "--no-sync"], **how)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={name} -c fsync=off"
        control = [binaries / "pg_ctl", "-D", folder / "db", "-l", folder / "log", "-w"]
        subprocess.run([*control, "-o", options, "start"], **how)
        try:
            yield f"postgresql+psycopg://spine@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **how)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite3'}"
    server = request.getfixturevalue("postgres_url")
    schema = "s" + tmp_path.name.replace("-", "_").lower()[-50:]
    _create_schema(server, schema)
    return f"{server}?options=-csearch_path%3D{schema}"


def _create_schema(server: str, schema: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        connection.execute(f'CREATE SCHEMA "{schema}"')


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url, REASONS)
    store.migrate()
    yield store
    store.close()
