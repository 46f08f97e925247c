"""A PostgreSQL of the tests' own that can be killed like a machine that loses power, and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


class Database:
    """One cluster on loopback; `url` is what SPINE_CDS_DATABASE_URL takes."""

    def __init__(self, binaries: Path, folder: Path, who: dict[str, Any]):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._folder = folder
        self._control = [binaries / "pg_ctl", "-D", folder / "db", "-l", folder / "log", "-w"]
        self._how: dict[str, Any] = {"check": True, "capture_output": True, "cwd": folder, **who}
        subprocess.run([binaries / "initdb", "-D", folder / "db", "-U", "spine", "--auth=trust"], **self._how)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://spine@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        subprocess.run([*self._control, "-o", options, "start"], **self._how)

    def kill(self) -> None:
        """Kill the server with all its processes, at once and without warning."""
        leader = int((self._folder / "db" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
        for pid in (leader, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in (leader, *children)) and time.monotonic() < until:
            time.sleep(0.05)

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run([*self._control, "-m", "immediate", "stop"], **self._how)


@contextmanager
def a_database() -> Iterator[Database]:
    """Start a cluster; skips where there is no PostgreSQL, or nobody but root to run it."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL binaries (initdb) on this machine")
    pytest.importorskip("psycopg", reason="the extra `postgres` (psycopg) is not installed")
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        try:
            entry = pwd.getpwnam("postgres")
        except KeyError:
            entry = pwd.getpwnam("nobody")
        who = {"user": entry.pw_uid, "group": entry.pw_gid}
    with tempfile.TemporaryDirectory(prefix="spine-cds-crash-", ignore_cleanup_errors=True) as name:
        if who:
            os.chown(name, who["user"], who["group"])
        database = Database(found[-1].parent, Path(name), who)
        try:
            yield database
        finally:
            database.stop()
