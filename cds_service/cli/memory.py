"""What a serving process does with memory: when garbage is looked for, and what is freed but kept."""

from __future__ import annotations

import contextlib
import ctypes
import gc

_GC_THRESHOLD = (50_000, 20, 50)
"""Collections cost a quarter of the time at 100 Observations with Python's own threshold; see docs/performance.md."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Source: mallopt(3)."""
_KEPT_BLOCK_BYTES = 32 * 2**20
_KEPT_MEMORY_BYTES = 24 * 2**20
"""glibc gives blocks as large as a body back to the kernel at once, and gets them again page by page with the next call:
that cost more than reading the body (0.8 ms for 1.3 MB)."""


def settle_memory() -> None:
    """Put all that was loaded beyond the reach of the garbage collector, and let it run, less often than usual; keep
    freed memory.

    To be called once per process before it serves: before the fork, so that the pages stay shared. What the start left
    behind (2 MB) is not collected: that takes nearly a tenth of a second, and its holes would fill after the fork.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLD)
    gc.enable()
    with contextlib.suppress(AttributeError, OSError):  # another C library than glibc
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, _KEPT_BLOCK_BYTES)
        allocator.mallopt(_M_TRIM_THRESHOLD, _KEPT_MEMORY_BYTES)


def release_memory() -> None:
    """Give all freed memory back to the kernel: after a large body, when the usual ones need much less."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
