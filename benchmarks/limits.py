"""The ends of the range: a body of 5 MB, and one over the limit.

python -m benchmarks.limits
"""

from __future__ import annotations

import socket
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import load
from benchmarks.bodies import call_body
from benchmarks.servers import PATH, start_service

LARGE_OBSERVATIONS = 3600
"""As many as make 5 MB."""
_CALLS = 15


def refusal_ms(port: int, length: int) -> float:
    """Give the milliseconds until a call that announces *length* bytes is refused; raises WrongAnswer where it is not."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        began = time.perf_counter()
        client.sendall(head.encode() + b'{"hook":')
        answer = client.recv(4096)
        took = (time.perf_counter() - began) * 1000
    if b" 413 " not in answer.partition(b"\r\n")[0]:
        raise load.WrongAnswer(answer[:200].decode(errors="replace"))
    return took


def measure_limits() -> tuple[int, float, float]:
    """Give the bytes of the large body, and the median milliseconds of its answer and of a refusal, one at a time."""
    body = call_body(LARGE_OBSERVATIONS)
    with tempfile.TemporaryDirectory() as folder:
        service = start_service(body, Path(folder))
        try:
            large = load.measure(service.port, PATH, body, 0.0, connections=1, at_least=_CALLS)
            refused = [refusal_ms(service.port, 17 * 2**20) for _ in range(_CALLS)]
        finally:
            service.stop()
    return len(body), large.percentile(0.5), statistics.median(refused)


if __name__ == "__main__":
    size, large, refused = measure_limits()
    print(
        f"a body of {size / 1e6:.1f} MB is answered in {large:.1f} ms, one over the limit refused in {refused:.2f} ms"
    )
