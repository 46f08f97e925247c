"""The two servers that are measured: started on a free loopback port with one worker, watched through /proc, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import load

ROOT = Path(__file__).resolve().parents[1]
PATH = "/cds-services/spine-rehab-patient-view"
_START_SECONDS = 30.0


def free_port() -> int:
    """Give a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server process with one worker. *start_seconds* is the time from its start to its first whole answer."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], first: bytes, port: int, path: str = PATH
    ):
        self.name, self.port, self.path = name, port, path
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the server
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=self._log, stderr=self._log
        )
        try:
            self._wait_for_answer(first)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - began

    def _wait_for_answer(self, body: bytes) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                load.measure(self.port, self.path, body, 0.0, connections=1)
                return
            except (ConnectionError, load.WrongAnswer) as error:
                if time.monotonic() > until or self._process.poll() is not None:
                    self._log.seek(0)
                    said = self._log.read()[-2000:].decode(errors="replace")
                    raise RuntimeError(f"{self.name} does not answer: {error}\n{said}") from error
                time.sleep(0.005)

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers: the children of the process that was started."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(one) for one in children]

    def cpu_seconds(self) -> float:
        """Give the processor time that the workers have used so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        total = 0.0
        for worker in self.workers:
            try:
                total += (
                    sum(int(one.read_text().split()[0]) for one in Path(f"/proc/{worker}/task").glob("*/schedstat"))
                    / 1e9
                )
            except OSError:
                stat = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
                total += (int(stat[11]) + int(stat[12])) / ticks
        return total

    def memory_megabytes(self) -> tuple[float, float]:
        """Give the workers' resident memory, and their own part of it (what they do not share), in MB (10^6 bytes)."""
        resident = own = 0
        for worker in self.workers:
            for line in Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines():
                name, _, rest = line.partition(":")
                if name == "Rss":
                    resident += int(rest.split()[0])
                elif name.startswith("Private"):
                    own += int(rest.split()[0])
        return resident * 1024 / 1e6, own * 1024 / 1e6

    def stop(self) -> None:
        """Ask the server to end, and end it after five seconds."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def start_floor(first: bytes) -> Server:
    """Start the floor under gunicorn's sync worker."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--log-level", "warning",
        "benchmarks.floor:app",
    ]  # fmt: skip
    return Server("floor", command, {}, first, port, "/cds-services/patient-view")


def start_service(first: bytes, folder: Path, **settings: str) -> Server:
    """Start the service as `spine-cds serve` does, with one worker; its store lies in *folder*."""
    port = free_port()
    environment = {
        "SPINE_CDS_PORT": str(port),
        "SPINE_CDS_WORKERS": "1",
        "SPINE_CDS_DATABASE_URL": f"sqlite:///{folder / 'measured.sqlite3'}",
    } | {f"SPINE_CDS_{name.upper()}": value for name, value in settings.items()}
    return Server("service", [sys.executable, "-m", "cds_service.cli.main", "serve"], environment, first, port)
