"""How the process's memory is kept while it trains."""

from __future__ import annotations

import ctypes
import sys

#: Names of malloc.h: how much free memory is given back to the system, and how many blocks are mapped of their own.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for what is allocated next; does nothing where it is not glibc.

    Every step of training allocates the same large tensors as the last. By default glibc maps each anew and gives it
    back, and the system clears every page again: on two cores this cost up to a third of the training time. The process
    then stays as large as it has ever been, so this is for one that only trains.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
