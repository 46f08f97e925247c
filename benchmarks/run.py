"""The service beside the floor: requests per second, latency, processor time and memory, as ratios within one run.

    python -m benchmarks.run                    all sizes, five interleaved rounds each
    python -m benchmarks.run --short            one minute's worth for CI: two sizes, three short rounds
    python -m benchmarks.run --record FILE      write the ratios down
    python -m benchmarks.run --check FILE       fail where a ratio fell by more than a third against FILE

A machine that others use, or that changes its clock, drifts by factors within minutes. So the two servers take turns, a second
each, and only what is compared within one round counts: the ratio of requests per second, and of processor time per request.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.bodies import SIZES, call_body
from benchmarks.load import Measured, measure
from benchmarks.servers import Server, start_floor, start_service

ROUNDS = 5
MOST_LOST = 1 / 3
"""A ratio may fall by this share of what was recorded before a check fails."""


@dataclass(frozen=True, slots=True)
class Round:
    """One server, one turn: under load of several connections, and *alone*, one call at a time."""

    load: Measured
    alone: Measured
    cpu_ms: float


@dataclass(slots=True)
class Size:
    """All turns at one number of Observations."""

    observations: int
    body_bytes: int
    rounds: dict[str, list[Round]] = field(default_factory=lambda: {"floor": [], "service": []})

    def median(self, name: str, number) -> float:
        """Give the median over a server's rounds of *number*(round)."""
        return statistics.median(number(one) for one in self.rounds[name])

    @property
    def ratio(self) -> float:
        """Requests per second: service to floor, the median of the rounds' own ratios."""
        return statistics.median(
            ours.load.per_second / theirs.load.per_second
            for ours, theirs in zip(self.rounds["service"], self.rounds["floor"], strict=True)
        )

    @property
    def cpu_ratio(self) -> float:
        """Processor time per request: floor to service, so that more is better as with `ratio`."""
        return statistics.median(
            theirs.cpu_ms / ours.cpu_ms
            for ours, theirs in zip(self.rounds["service"], self.rounds["floor"], strict=True)
        )


def take_turn(server: Server, body: bytes, seconds: float) -> Round:
    """Warm *server* up with the body, then load it for *seconds*, then ask it one call at a time."""
    measure(server.port, server.path, body, 0.1, at_least=8)
    before = server.cpu_seconds()
    loaded = measure(server.port, server.path, body, seconds, at_least=16)
    cpu_ms = (server.cpu_seconds() - before) * 1000 / len(loaded.latencies)
    alone = measure(server.port, server.path, body, seconds / 2, connections=1, at_least=10)
    return Round(loaded, alone, cpu_ms)


def measure_size(servers: tuple[Server, ...], observations: int, rounds: int, seconds: float) -> Size:
    """Let *servers* take turns with a body of so many Observations; who begins changes with each round."""
    body = call_body(observations)
    size = Size(observations, len(body))
    for number in range(rounds):
        for server in servers if number % 2 else servers[::-1]:
            size.rounds[server.name].append(take_turn(server, body, seconds))
    return size


def lines(size: Size) -> list[str]:
    """Give the two rows of one size, for people."""
    rows = []
    for name in ("floor", "service"):
        median = size.median
        rows.append(
            f"{size.observations:>6} {name:<8}"
            f"{median(name, lambda one: one.load.per_second):>9.1f}"
            f"{median(name, lambda one: one.load.percentile(0.5)):>9.2f}"
            f"{median(name, lambda one: one.load.percentile(0.99)):>9.2f}"
            f"{median(name, lambda one: one.alone.percentile(0.5)):>10.2f}"
            f"{median(name, lambda one: one.alone.percentile(0.95)):>9.2f}"
            f"{median(name, lambda one: one.alone.percentile(0.99)):>9.2f}"
            f"{median(name, lambda one: one.cpu_ms):>10.3f}"
            + (f"{size.ratio:>9.2f}{size.cpu_ratio:>9.2f}" if name == "service" else "")
        )
    return rows


HEAD = (
    f"{'':>6} {'':<8}{'8 connections':>27}{'one at a time':>28}{'':>10}{'to the floor':>18}\n"
    f"{'N':>6} {'':<8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'p50 ms':>10}{'p95 ms':>9}{'p99 ms':>9}{'CPU ms':>10}{'req/s':>9}{'CPU':>9}"
)


def machine() -> str:
    """Name the class of machine, not the machine."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])
    return f"{cores} cores, {model}, Python {platform.python_version()}"


@click.command()
@click.option("--short", is_flag=True, help="two sizes, three short rounds: for CI")
@click.option("--sizes", default="", help="numbers of Observations, comma-separated")
@click.option("--rounds", default=0, help="interleaved rounds per size")
@click.option("--seconds", default=0.0, help="length of one turn")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="write the ratios to this file")
@click.option(
    "--check", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="fail against this file's ratios"
)
def main(short: bool, sizes: str, rounds: int, seconds: float, record: Path | None, check: Path | None) -> None:
    """Measure the service beside the floor and print the ratios."""
    wanted = tuple(int(one) for one in sizes.split(",")) if sizes else (100, 1000) if short else SIZES
    rounds = rounds or (3 if short else ROUNDS)
    seconds = seconds or (0.7 if short else 1.5)
    found = run(wanted, rounds, seconds)
    if record is not None:
        record.write_text(json.dumps(as_record(found), indent=2) + "\n", encoding="utf-8")
    if check is not None:
        faults = fallen(found, json.loads(check.read_text(encoding="utf-8")))
        for fault in faults:
            click.echo(fault, err=True)
        if faults:
            raise SystemExit(1)


def run(sizes: tuple[int, ...], rounds: int, seconds: float) -> list[Size]:
    """Start both servers, measure every size, stop them; prints as it goes."""
    first = call_body(sizes[0])
    with tempfile.TemporaryDirectory() as folder:
        started: list[Server] = []
        try:
            started.append(start_floor(first))
            started.append(start_service(first, Path(folder)))
            click.echo(
                f"{machine()}; {rounds} rounds of {seconds:g} s; service answers {started[1].start_seconds:.2f} s after its start"
            )
            click.echo(HEAD)
            found = []
            for observations in sizes:
                found.append(measure_size(tuple(started), observations, rounds, seconds))
                click.echo("\n".join(lines(found[-1])))
            for server in started:
                resident, own = server.memory_megabytes()
                click.echo(f"memory of the {server.name}'s worker: {resident:.0f} MB resident, {own:.0f} MB of its own")
        finally:
            for server in started:
                server.stop()
    return found


def as_record(found: list[Size]) -> dict:
    """Give what a later check compares with."""
    return {
        "recorded": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "sizes": {
            str(size.observations): {"ratio": round(size.ratio, 3), "cpu_ratio": round(size.cpu_ratio, 3)}
            for size in found
        },
    }


def fallen(found: list[Size], recorded: dict) -> list[str]:
    """Tell which sizes lost more than a third of their recorded ratio, both in requests and in processor time.

    Both must have fallen: a busy neighbour can spoil one of them, a slower program spoils both.
    """
    faults = []
    for size in found:
        before = recorded["sizes"].get(str(size.observations))
        if before is None:
            continue
        kept = max(size.ratio / before["ratio"], size.cpu_ratio / before["cpu_ratio"])
        if kept < 1 - MOST_LOST:
            faults.append(
                f"N = {size.observations}: the ratio to the floor is {size.ratio:.2f} (processor time {size.cpu_ratio:.2f}), "
                f"recorded {before['ratio']:.2f} ({before['cpu_ratio']:.2f}): {1 - kept:.0%} lost, {MOST_LOST:.0%} allowed"
            )
    return faults


if __name__ == "__main__":
    main()
