"""How much one client may take: calls per tenant, nesting of a body. Knows no HTTP; the web floor asks before it works."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from cds_service.errors import CallFaults, Fault
from cds_service.security.tenants import Tenant

JSON_DEPTH_MOST = 64
HEADER_LINE_BYTES_MOST = 12_000
HEADERS_MOST = 64

# One JSON string. It always matches to a quote or to the end, so a body without a closing quote costs one pass too.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(sign for sign in range(256) if sign not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def json_depth(body: bytes) -> int:
    """Give how deeply arrays and objects nest in *body*, without parsing it; never less than a parser would find."""
    if b"[" not in body and b"{" not in body:
        return 0
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def check_depth(body: bytes, most: int = JSON_DEPTH_MOST) -> None:
    """Refuse a body nested deeper than *most* before any parser sees it.  Raises CallFaults."""
    # What opens fewer brackets than that, wherever they stand, cannot nest so deep.
    if body.count(b"{") + body.count(b"[") > most and json_depth(body) > most:
        raise CallFaults([Fault("$", f"is nested deeper than {most} levels", f"{most} levels at most")])


@dataclass(slots=True)
class _Bucket:
    """Calls left, and when that was counted (monotonic seconds)."""

    left: float
    counted: float


class RateLimiter:
    """A token bucket per tenant. Each worker process grants its share, so no store is asked on the way of a call.

    The sum over the processes keeps the tenant's rate; how evenly calls fall on processes decides how sharp the limit
    is. That is meant: it protects the other tenants, it does not bill.
    """

    def __init__(self, processes: int = 1, clock: Callable[[], float] = time.monotonic):
        self._share = 1 / max(processes, 1)
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def wait_seconds(self, tenant: Tenant) -> float | None:
        """Take one call from the tenant's bucket; None when it may go on, else the seconds after which to come back."""
        rate = tenant.calls_per_second * self._share
        burst = max(tenant.burst * self._share, 1.0)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(tenant.id) or self._buckets.setdefault(tenant.id, _Bucket(burst, now))
            bucket.left = min(burst, bucket.left + (now - bucket.counted) * rate)
            bucket.counted = now
            if bucket.left >= 1:
                bucket.left -= 1
                return None
            return (1 - bucket.left) / rate

    def give_back(self, tenant: Tenant) -> None:
        """Undo one `wait_seconds` that let a call go on: it was not answered, and will ask again."""
        with self._lock:
            bucket = self._buckets.get(tenant.id)
            if bucket is not None:
                bucket.left += 1
