"""Where a run goes that is made from Python: a folder that is named, or one that lasts as long as its result."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from yolact_temporal.analyzing.request import Destination, Pictures
from yolact_temporal.data.runs.names import require_free


class Scratch:
    """A temporary folder that is removed when nobody holds this any more, at the latest when Python ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="yolact-temporal-"))
        self._removed = weakref.finalize(self, shutil.rmtree, self.path, True)

    def remove(self) -> None:
        """Remove it now."""
        self._removed()


class Place:
    """Where one run goes.

    Without a folder it goes to a temporary one, with tables alone: pictures are made when they are asked for.

    Args:
        folder: the run folder; None for a temporary one.
        overwrite: replace a run that is there.
        name: the clip's name; by default the folder's, else "clip".

    Attributes:
        scratch: the temporary folder; None where one was named.

    Raises:
        UsageError: if the name cannot name a folder of a run.
    """

    def __init__(
        self,
        folder: str | Path | None,
        overwrite: bool = False,
        name: str | None = None,
    ) -> None:
        named = None if folder is None else Path(folder)
        self.name = require_free(
            name or (named.absolute().name if named is not None else "clip"), "clip_name"
        )
        self.scratch = None if named is not None else Scratch()
        self.folder = named if named is not None else self._temporary()
        drawn = named is not None
        self.destination = Destination(self.name, self.folder, False, overwrite, Pictures(drawn, drawn))

    def _temporary(self) -> Path:
        assert self.scratch is not None, "made before"
        return self.scratch.path / self.name
