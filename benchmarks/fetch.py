"""The way of a call that brings no prefetch: a FHIR server that needs 50 ms for each answer, and what we add to that.

    python -m benchmarks.fetch [calls]

All resources are asked for at once, so a call should take no longer than the slowest answer and 25 ms.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import load
from benchmarks.bodies import call_body, fhir_answers
from benchmarks.servers import PATH, start_service

ANSWER_SECONDS = 0.050
ALLOWED_MS = 25.0
_CALLS = 30


class _FhirServer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: dict[str, bytes] = {}
    disable_nagle_algorithm = True
    slowest = 0.0

    def do_GET(self) -> None:
        began = time.perf_counter()
        kind = urlsplit(self.path).path.strip("/").partition("/")[2].partition("/")[0]
        body = self.answers[kind]
        time.sleep(ANSWER_SECONDS)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)
        _FhirServer.slowest = max(_FhirServer.slowest, time.perf_counter() - began)

    def log_message(self, format: str, *given: object) -> None:
        pass


def call_without_prefetch(port: int) -> bytes:
    """Give a call that names a FHIR server at *port* and brings no data."""
    call = json.loads(call_body(10))
    del call["prefetch"]
    call["fhirServer"] = f"http://127.0.0.1:{port}/fhir"
    call["fhirAuthorization"] = {
        "access_token": "measured",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "spine-cds",
    }
    return json.dumps(call).encode()


def measure_fetch(calls: int = _CALLS) -> tuple[float, float, float]:
    """Give (median, worst) milliseconds of a call, and the median of what it took beyond the slowest answer of its own."""
    _FhirServer.answers = fhir_answers()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _FhirServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = call_without_prefetch(server.server_address[1])
    took: list[float] = []
    beyond: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        service = start_service(call_body(10), Path(folder), gather_milliseconds="2000")
        try:
            load.measure(service.port, PATH, body, 0.0, connections=1, at_least=3)
            for _ in range(calls):
                _FhirServer.slowest = 0.0
                took += load.measure(service.port, PATH, body, 0.0, connections=1).latencies
                beyond.append(took[-1] - _FhirServer.slowest * 1000)
        finally:
            service.stop()
            server.shutdown()
    return statistics.median(took), max(took), statistics.median(beyond)


if __name__ == "__main__":
    median, worst, beyond = measure_fetch(int(sys.argv[1]) if len(sys.argv) > 1 else _CALLS)
    print(
        f"FHIR answers after {ANSWER_SECONDS * 1000:.0f} ms each: a call takes {median:.1f} ms (worst {worst:.1f}), "
        f"{beyond:.1f} ms beyond its slowest answer; {ALLOWED_MS:g} allowed"
    )
