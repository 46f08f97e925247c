"""What a serving process does with memory: when garbage is looked for, and what is freed but kept."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path

_GC_THRESHOLD = (50_000, 20, 50)
"""Collections cost a quarter of the time at 100 Observations with Python's own threshold; see docs/performance.md."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Source: mallopt(3)."""
_KEPT_BLOCK_BYTES = 32 * 2**20
_KEPT_MEMORY_BYTES = 24 * 2**20
"""glibc gives blocks as large as a body back to the kernel at once, and gets them again page by page with the next call:
that cost more than reading the body (0.8 ms for 1.3 MB)."""

_HUGE_PAGE_BYTES = 2 * 2**20
_MADV_COLLAPSE = 25
"""Put what lies there into one huge page, now. Source: madvise(2), Linux 6.1."""
_MAPS = Path("/proc/self/maps")


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


def use_huge_pages() -> int:
    """Put what this process holds into huge pages, and tell how many came about.

    A call walks through what lies in three thousand pages; to find them took a twentieth of its time. To be called in each
    process that serves, after the fork: some 35 MB are then its own and no longer shared. Another system, or a kernel that does
    not know how, changes nothing.
    """
    made = 0
    with contextlib.suppress(AttributeError, OSError):
        advise = ctypes.CDLL(None).madvise
        for start in list(_huge_places()):
            made += advise(ctypes.c_void_p(start), ctypes.c_size_t(_HUGE_PAGE_BYTES), _MADV_COLLAPSE) == 0
    return made


def _huge_places() -> Iterator[int]:
    """Give the addresses of our own memory (no file's) at which a whole huge page fits."""
    for line in _MAPS.read_text().splitlines():
        addresses, rights, _, _, inode, *name = line.split()
        if rights.startswith("rw") and inode == "0" and name in ([], ["[heap]"]):
            start, end = (int(address, 16) for address in addresses.split("-"))
            first = -(-start // _HUGE_PAGE_BYTES) * _HUGE_PAGE_BYTES
            yield from range(first, end - _HUGE_PAGE_BYTES + 1, _HUGE_PAGE_BYTES)
