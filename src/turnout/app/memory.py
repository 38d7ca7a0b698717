"""How this process treats the memory of what it no longer needs."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

__all__ = ["keep_freed_memory", "settle_memory"]

_TRIM_THRESHOLD: Final = -1  # <malloc.h>, as is the next
_MMAP_THRESHOLD: Final = -3
_COLLECT_AFTER: Final = 25_000  # objects; the default of 700 costs a fifth of a request


def keep_freed_memory() -> None:
    """Let the C library keep what is freed instead of giving it back to the kernel after each large body.

    Without it the buffers of a 90 KiB prompt are faulted in anew for each request, page by page. A C library that
    knows no such wish is left alone.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_TRIM_THRESHOLD, 16 << 20)
        library.mallopt(_MMAP_THRESHOLD, 4 << 20)


def settle_memory() -> None:
    """At the end of the start: what is there now stays, so the collector need not look at it, nor come with every few
    hundred objects. What the start alone has needed goes back to the kernel: 2 MB, and 6 MB where a catalog was merged.
    """
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
