"""Room on Python's own stack of frames, so that no call of the hot path stands astride two of its pieces.

CPython (3.11 and later) keeps frames in pieces of 16 KiB and gives a piece back to the system as soon as it is empty. Where
a frame that is called again and again is the first of a piece, each call costs two system calls: a whole answer took up to
1.7 times as long at such depths, and the depth is that of gunicorn, Flask and us together. A frame that asks for a large
piece of its own leaves the rest of that piece to all that it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_WORDS = 20_000
"""Machine words asked for: 160 kB, so that a piece of 256 KiB is made and some 600 frames have room in it. It is address
space, not memory: nothing touches it."""


def with_room(call: Callable[..., Any], *given: Any) -> Any:
    """Call *call* with *given*, on a piece of the stack of its own."""
    return call(*given)


with_room.__code__ = with_room.__code__.replace(co_stacksize=_WORDS)
