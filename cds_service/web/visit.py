"""One request from its first moment to its last, as guard, answer and log see it. Flask's `g` is one of these."""

from __future__ import annotations

from contextlib import ExitStack
from random import getrandbits
from typing import Any

from cds_service.tracing import Span


class Visit:
    """What is known of a request under way; the request log begins and ends it.

    *facts* are for the log: ids of ours, counts, durations. *caller* is whom the guard let in, None on open routes.
    *began* is in seconds of time.perf_counter.
    """

    __slots__ = ("began", "caller", "facts", "request_id", "span", "span_ends")

    began: float
    caller: Any
    facts: dict[str, Any]
    request_id: str
    span: Span | None
    span_ends: ExitStack


def new_request_id() -> str:
    """Give 32 hexadecimal digits, new for each request. An id is no secret and opens nothing, so no secret source is asked."""
    return getrandbits(128).to_bytes(16).hex()
