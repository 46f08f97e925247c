"""What is called with room finds the whole of it, however deep the stack was before."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from cds_service.cli.stack_room import with_room


def deep(frames: int, call: Callable[[], float]) -> float:
    return deep(frames - 1, call) if frames else call()


def spent() -> float:
    """Seconds of processor time for calls of calls; the best of three."""

    def leaf() -> None:
        pass

    def branch() -> None:
        leaf()

    def once() -> float:
        began = time.thread_time()
        for _ in range(2000):
            branch()
        return time.thread_time() - began

    return min(once() for _ in range(3))


def test_what_is_called_gets_its_arguments_and_gives_its_answer() -> None:
    assert with_room(divmod, 17, 5) == (3, 2)


def test_errors_come_through() -> None:
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 1, 0)


def test_no_depth_is_slow_with_room() -> None:
    # Some depth within one piece of the stack stands astride without room; none may with it.
    with_it = [deep(frames, lambda: with_room(spent)) for frames in range(160)]

    assert max(with_it) < 4 * min(with_it)
