"""The window that shows a live run's masks, where OpenCV can open one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from yolact_temporal.errors import UsageError


class LiveWindow:
    """A window, as a context manager.

    Args:
        title: of the window.

    Raises:
        UsageError: if there is no display, or OpenCV cannot open windows.
    """

    def __init__(self, title: str) -> None:
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UsageError(
                "expected a display for --window, found none: leave it out, and look at the dashboard's page Live"
            )
        try:
            cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        except cv2.error:
            raise UsageError(
                "expected an OpenCV that opens windows for --window, got opencv-python-headless, which this package "
                "needs and which has none: leave it out, and look at the dashboard's page Live, or put opencv-python "
                "in its place"
            ) from None
        self._title = title

    def shown_until(self, stop: Callable[[], object]) -> Callable[[NDArray[np.uint8]], None]:
        """Return what shows a frame, uint8 (H, W, 3), RGB, and calls `stop` where q is pressed or the window closed."""

        def show(rgb: NDArray[np.uint8]) -> None:
            cv2.imshow(self._title, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
            key = cv2.waitKey(1) & 0xFF
            if key in (ord("q"), 27) or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
                stop()

        return show

    def __enter__(self) -> LiveWindow:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()
