"""Settings of the whole suite: a fixed zone, no network but loopback, and in strict mode no silent skips."""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ["TZ"] = "UTC"
time.tzset()

settings.register_profile(
    "suite", deadline=None
)  # how long one example takes says more about the machine than about us
settings.load_profile("suite")

_skipped: list[str] = []
_tell_of_errors = socketserver.BaseServer.handle_error


def _ignore_hang_ups(self: socketserver.BaseServer, request: object, client_address: object) -> None:
    """A client that hangs up on one of the tests' own servers is no news; anything else still is."""
    if not isinstance(sys.exc_info()[1], ConnectionError):
        _tell_of_errors(self, request, client_address)


socketserver.BaseServer.handle_error = _ignore_hang_ups  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every connection of a test stays on this machine; anything else is an error with the address in it."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test reached for the network: {host}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(f"{report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else ''}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if (
        os.environ.get("SPINE_CDS_TESTS_STRICT")
        and _skipped
        and exitstatus == 0
        and not hasattr(session.config, "workerinput")
    ):
        print("\nstrict mode: these tests did not run, and must:\n  " + "\n  ".join(_skipped))
        session.exitstatus = 1
