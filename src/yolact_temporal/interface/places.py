"""Where a run goes that is made from Python: a folder that is named, or one that lasts as long as its result."""

from __future__ import annotations

from pathlib import Path

from yolact_temporal.analyzing.request import Destination, Pictures
from yolact_temporal.analyzing.run_clip import FinishedRun
from yolact_temporal.data.runs.manifest import FLOW_METHODS, FlowMethod
from yolact_temporal.data.runs.names import require_free
from yolact_temporal.errors import InputError, UsageError, advice_on_name
from yolact_temporal.interface.results import Result
from yolact_temporal.interface.scratch import Scratch


class Place:
    """Where one run goes.

    Without a folder it goes to a temporary one, with tables alone: pictures are made when they are asked for.

    Args:
        folder: the run folder; None for a temporary one.
        overwrite: replace a run that is there.
        name: the clip's name; by default the folder's, else "clip".

    Attributes:
        destination: the same, as a run is asked for.

    Raises:
        UsageError: if the name cannot name a folder of a run.
    """

    def __init__(self, folder: str | Path | None, overwrite: bool = False, name: str | None = None) -> None:
        own = "clip" if folder is None else Path(folder).absolute().name
        self._scratch = Scratch() if folder is None else None
        name = require_free(name or own, "clip_name")
        path = Path(folder) if folder is not None else self._temporary / name
        drawn = folder is not None
        self.destination = Destination(name, path, False, overwrite, Pictures(drawn, drawn))

    @property
    def _temporary(self) -> Path:
        assert self._scratch is not None, "no folder was named"
        return self._scratch.path

    def result(self, done: FinishedRun) -> Result:
        """Return the result of the run that went here.

        Raises:
            InputError: if it is of a single frame, and there is nothing to measure.
        """
        if done.result.frames < 2:
            raise InputError(
                f"expected at least two frames, got {done.result.frames}: a single frame cannot jitter, pass more of "
                f"the clip"
            )
        undrawn = None if self._scratch is None else done
        return Result([self.destination.folder], scratch=self._scratch, undrawn=undrawn)


def require_motion(method: str) -> FlowMethod:
    """Return a method of optical flow, or refuse what is none.

    Raises:
        UsageError: naming the methods.
    """
    found = next((known for known in FLOW_METHODS if known == method), None)
    if found is None:
        raise UsageError(
            f"expected one of {', '.join(FLOW_METHODS)} as motion, got {method!r}: "
            f"{advice_on_name(str(method), FLOW_METHODS)}"
        )
    return found
