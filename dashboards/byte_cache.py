"""A cache that is bounded by what it holds, not by how many: what a run's files make may be of any size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps what was made last, within so many bytes; may be shared by threads.

    What is larger than all of them is handed out and not kept.

    Args:
        most: bytes of all that is kept.
        size: bytes of one.

    Example:
        >>> cache = ByteCache(10, len)
        >>> [cache.get(text, lambda text=text: text.upper()) for text in ("abcd", "efgh", "ijkl")]
        ['ABCD', 'EFGH', 'IJKL']
        >>> cache.held, cache.get("ijkl", lambda: "made again"), cache.get("abcd", lambda: "made again")
        (8, 'IJKL', 'made again')
    """

    def __init__(self, most: int, size: Callable[[Value], int]) -> None:
        self._most, self._size = most, size
        self._kept: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()
        self.held = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what is kept under a key, or else make it; two who ask at once may both make it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        value = make()
        size = self._size(value)
        if size > self._most:
            return value
        with self._lock:
            if key in self._kept:
                return self._kept[key][0]
            self._kept[key] = (value, size)
            self.held += size
            while self.held > self._most:
                self.held -= self._kept.popitem(last=False)[1][1]
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.held = 0
