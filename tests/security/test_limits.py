"""Limits: nesting is measured before parsing and in linear time; one tenant's flood leaves the others alone."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import CallFaults
from cds_service.security.limits import JSON_DEPTH_MOST, RateLimiter, check_depth, json_depth
from tests.security.builders import a_tenant

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(below) for below in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(below) for below in value), default=0)
    return 0


@settings(deadline=None)
@given(_JSON, st.booleans())
def test_the_depth_of_any_json_is_measured_exactly(value: object, ascii_only: bool) -> None:
    assert json_depth(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")) == _depth(value)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'["]",'])
def test_a_json_bomb_is_refused(opening: bytes) -> None:
    with pytest.raises(CallFaults):
        check_depth(opening * 100_000)


def test_brackets_in_strings_do_not_count() -> None:
    check_depth(json.dumps({"text": "[" * 10_000, "quote": '"' + "{" * 1_000, "end": "\\"}).encode())


def test_the_deepest_allowed_body_passes() -> None:
    check_depth(b"[" * JSON_DEPTH_MOST + b"]" * JSON_DEPTH_MOST)


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 4_000_000,
        b'"' * 8_000_000,
        b"\\" * 8_000_000,
        b'"a' * 4_000_000,
        b"[" * 8_000_000,
        b'{"' + b"a" * 8_000_000,
    ],
    ids=["escaped quotes, no end", "quotes", "backslashes", "strings", "brackets", "one long string"],
)
def test_measuring_takes_linear_time_whatever_the_body(body: bytes) -> None:
    began = time.perf_counter()

    json_depth(body)

    assert time.perf_counter() - began < 5


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_of_one_tenant_is_slowed_and_another_goes_on() -> None:
    clock = _Clock()
    limiter = RateLimiter(clock=clock)
    noisy, quiet = (
        a_tenant(id="noisy", calls_per_second=10, burst=20),
        a_tenant(id="quiet", calls_per_second=10, burst=20),
    )

    passed = sum(limiter.wait_seconds(noisy) is None for _ in range(100))

    assert passed == 20
    assert limiter.wait_seconds(noisy) == pytest.approx(0.1)
    assert limiter.wait_seconds(quiet) is None
    clock.now = 1.0
    assert sum(limiter.wait_seconds(noisy) is None for _ in range(100)) == 10


def test_processes_share_a_tenants_rate() -> None:
    clock = _Clock()
    workers = [RateLimiter(4, clock) for _ in range(4)]
    tenant = a_tenant(calls_per_second=40, burst=40)

    assert sum(worker.wait_seconds(tenant) is None for worker in workers for _ in range(40)) == 40
    clock.now = 1.0
    assert sum(worker.wait_seconds(tenant) is None for worker in workers for _ in range(40)) == 40
