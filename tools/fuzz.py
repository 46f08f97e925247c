"""Mutate the fixture calls and see that the service never fails: no 500, no hang, no growing memory.

    .venv/bin/python tools/fuzz.py --calls 100000          # the long form, reproducible by --seed
    .venv/bin/python tools/fuzz.py --calls 1500 --seed 7   # the short form, part of the tests

Each call starts from a fixture (hook calls of all hooks, calls about every fixture patient, feedback) and is changed:
values swapped for hostile ones, members dropped, doubled, moved or deepened, and bytes damaged. Runs in one process
against the real application in development mode. Exit code 1 and the seed and number of the call when anything breaks.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cds_service.app import create_app  # noqa: E402
from cds_service.hooks import ALL_HOOKS  # noqa: E402
from cds_service.settings import Settings  # noqa: E402

SECONDS_MOST = 5.0
MEMORY_GROWTH_MEGABYTES = 150
STATUSES = frozenset({200, 400, 401, 404, 405, 412, 413, 415, 422})

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3.5, 1e308, -1e308, 10**30, "", " ", "\x00", "\n", "a" * 5_000, "0", "-0", "NaN", "null",
    [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": []}}},
    "2026-02-30", "2026-13", "0000", "0001-01-01", "9999-12-31", "2026-03-29T02:30:00+01:00", "2026-03-01T24:00:00Z",
    "2026-03-01T10:00:60Z", "99999-01-01", "2026-W10", "2026-03-01T10:00:00+99:99", "-2026-01-01",
    "../../etc/passwd", "Patient/../x", "a?b=c", "%00", "'; DROP TABLE x;--", "{{7*7}}", "${jndi:ldap://x}",
    "<script>alert(1)</script>", "[a](javascript:alert(1))", "|a|b|\n|--|--|", "`" * 50, "\u202e\u2066", "\ufeff", "\ud800",
    "\U0001f9b4" * 40, "é" * 300, "http://169.254.169.254/", "file:///etc/passwd", "urn:uuid:x", "https://[::1", "//x",
    "http://loinc.org", "http://snomed.info/sct", "8310-5", "Cel", "[degF]", "mg/dL", "entered-in-error", "Bundle",
    "OperationOutcome", "Patient", "Procedure", "__proto__", {"reference": "#x"}, {"reference": "Patient/" + "9" * 200},
    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": []}}]},
    {"resourceType": "Bundle", "link": [{"relation": "next", "url": "http://169.254.169.254/"}]},
)  # fmt: skip


def seeds() -> list[tuple[str, Any]]:
    """Give (path, body) of what honest clients send."""
    found: list[tuple[str, Any]] = []
    for file in sorted((ROOT / "fhir_fixtures" / "calls").glob("*.json")):
        call = json.loads(file.read_text(encoding="utf-8"))
        found += [(f"/cds-services/{hook.id}", call) for hook in ALL_HOOKS if hook.hook == call.get("hook")]
    view = next(hook for hook in ALL_HOOKS if hook.hook == "patient-view")
    for file in sorted((ROOT / "fhir_fixtures" / "patients").glob("*.json")):
        found.append((f"/cds-services/{view.id}", _call_about(json.loads(file.read_text(encoding="utf-8")))))
    report = {
        "card": "f6b95768-b1c8-40dc-8385-bf3504b82ffb",
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "a8f95768-b1c8-40dc-8385-bf3504b82ffb"}],
        "outcomeTimestamp": "2026-05-01T10:00:00Z",
    }
    found += [(f"/cds-services/{view.id}/feedback", {"feedback": [report, report | {"outcome": "overridden"}]})] * 3
    return found


def _call_about(bundle: dict[str, Any]) -> dict[str, Any]:
    keys = {
        "Procedure": "procedures", "Observation": "observations", "Condition": "conditions",
        "MedicationRequest": "medications", "ServiceRequest": "serviceRequests", "CarePlan": "carePlans", "Goal": "goals",
    }  # fmt: skip
    resources = [entry["resource"] for entry in bundle["entry"]]
    person = next(one for one in resources if one["resourceType"] == "Patient")
    prefetch: dict[str, Any] = {"patient": person}
    for kind, key in keys.items():
        entries = [{"resource": one} for one in resources if one["resourceType"] == kind]
        prefetch[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/p1", "patientId": person["id"]},
        "prefetch": prefetch,
    }


class Mutator:
    """Changes values in ways that are hostile; the same seed makes the same changes."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)

    def body(self, honest: Any) -> bytes:
        """Give a damaged copy of *honest* as bytes."""
        changed = copy.deepcopy(honest)
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 2, 3, 5, 8, 20))):
            changed = self._change(changed)
        content = json.dumps(changed).encode("utf-8")
        return self._damage(content) if self._random.random() < 0.15 else content

    def _change(self, whole: Any) -> Any:
        holder, key = self._somewhere(whole)
        if holder is None:
            return copy.deepcopy(self._random.choice(HOSTILE))
        value = holder[key]
        kind = self._random.randrange(9)
        if kind <= 3:
            holder[key] = copy.deepcopy(self._random.choice(HOSTILE))
        elif kind == 4:
            del holder[key]
        elif kind == 5:
            holder[key] = [copy.deepcopy(value) for _ in range(self._random.choice((1, 2, 30)))]
        elif kind == 6:
            holder[key] = {self._random.choice(("value", "coding", "resource", "")): value}
        elif kind == 7:
            other, other_key = self._somewhere(whole)
            if other is not None:
                holder[key] = copy.deepcopy(other[other_key])
        elif isinstance(value, str) and value:
            at = self._random.randrange(len(value))
            holder[key] = (
                value[:at] + self._random.choice(("", "\x00", "é", "\n", "9", "-", "<", "|", value)) + value[at + 1 :]
            )
        elif isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = self._random.choice((-value, value * 10, value / 1000, value + 0.1, str(value)))
        return whole

    def _somewhere(self, whole: Any) -> tuple[Any, Any]:
        """Walk down to a random member, mostly past the envelope and deep into the chart."""
        holder, key, here = None, None, whole
        if isinstance(whole, dict) and isinstance(whole.get("prefetch"), dict) and self._random.random() < 0.9:
            here = whole["prefetch"]
        for _ in range(self._random.randrange(1, 14)):
            if not isinstance(here, dict | list) or not here:
                break
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            deep = [one for one in keys if isinstance(here[one], dict | list) and here[one]]
            holder, key = here, self._random.choice(deep if deep and self._random.random() < 0.9 else keys)
            here = holder[key]
        return holder, key

    def _damage(self, content: bytes) -> bytes:
        damaged = bytearray(content)
        for _ in range(self._random.choice((1, 1, 2, 10))):
            at = self._random.randrange(len(damaged) + 1)
            kind = self._random.randrange(5)
            if kind == 0:
                damaged[at : at + 1] = bytes([self._random.randrange(256)])
            elif kind == 1:
                del damaged[at : at + self._random.choice((1, 2, 50, 5_000))]
            elif kind == 2:
                damaged[at:at] = self._random.choice(
                    (b"[" * 70, b'{"a":' * 70, b"\\ud800", b"\xff", b"1e999", b"\x00", b"}")
                )
            elif kind == 3:
                del damaged[at:]
            else:
                damaged[at:at] = damaged[at : at + 200]
        return bytes(damaged)


class Hang(Exception):
    """A call took longer than SECONDS_MOST."""


def _ring(number: int, frame: Any) -> None:
    raise Hang


def run(calls: int, seed: int, progress: bool = False) -> int:
    """Make *calls* mutated calls; give 0 when all were answered as they must be, else 1."""
    folder = tempfile.mkdtemp(prefix="spine-cds-fuzz-")
    app = create_app(Settings(database_url=f"sqlite:///{folder}/store.sqlite3", log_level="error"))
    client, honest, mutator = app.test_client(), seeds(), Mutator(seed)
    picker = random.Random(seed + 1)
    met: Counter[int] = Counter()
    slowest, settled = 0.0, None
    signal.signal(signal.SIGALRM, _ring)
    for number in range(calls):
        path, body = picker.choice(honest)
        sent = mutator.body(body)
        began = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, SECONDS_MOST)
        try:
            answer = client.post(path, data=sent, content_type="application/json")
            status, content = answer.status_code, answer.get_data()
        except Hang:
            return _broken(seed, number, path, sent, f"no answer within {SECONDS_MOST} s")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.perf_counter() - began)
        met[status] += 1
        if status not in STATUSES:
            return _broken(seed, number, path, sent, f"status {status}")
        if not isinstance(json.loads(content), dict):
            return _broken(seed, number, path, sent, "no JSON object")
        if number == max(calls // 10, 500):
            settled = _megabytes()
        if progress and number % 5_000 == 4_999:
            print(f"{number + 1} calls, {dict(met)}, {_megabytes():.0f} MB", flush=True)
    grown = _megabytes() - settled if settled is not None else 0.0
    app.extensions["spine-cds-store"].close()
    print(
        f"{calls} calls, seed {seed}: {dict(sorted(met.items()))}; slowest {slowest:.2f} s; memory grew {grown:.0f} MB"
    )
    if grown > MEMORY_GROWTH_MEGABYTES:
        print(f"memory grew by more than {MEMORY_GROWTH_MEGABYTES} MB")
        return 1
    return 0


def _megabytes() -> float:
    """The largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _broken(seed: int, number: int, path: str, sent: bytes, what: str) -> int:
    file = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{number}.json"
    file.write_bytes(sent)
    print(f"seed {seed}, call {number}, {path}: {what}; the body is in {file}")
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20260501)
    chosen = parser.parse_args()
    sys.exit(run(chosen.calls, chosen.seed, progress=True))
