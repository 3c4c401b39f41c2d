"""`Scratch`: a folder for results that nobody has given a place yet."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class Scratch:
    """A temporary folder that is removed when nobody holds this any more, at the latest when Python ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="yolact-temporal-"))
        self._removed = weakref.finalize(self, shutil.rmtree, self.path, True)

    def remove(self) -> None:
        """Remove it now."""
        self._removed()
