"""Where the motion between a clip's frames comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from yolact_temporal.data.frames import Frame
from yolact_temporal.data.photo_film import PhotoFilm
from yolact_temporal.temporal.flow import (
    FlowEstimator,
    FlowOptions,
    Grey,
    SampledFlow,
    flow_kind,
    reduced_grey,
)
from yolact_temporal.temporal.motion import Motion, TwoWayFlow


class MotionSource(Protocol):
    """Gives the motion between the frames of a clip, which come in order, each once.

    Attributes:
        kind: what a manifest calls it.
        pictures: whether there are pictures at all, to estimate motion from and to draw on.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def pictures(self) -> bool: ...  # noqa: D102

    def update(self, frame: Frame) -> Motion | None:
        """Return the motion from the last frame to this one; None where it is not known, as at the first."""
        ...

    def is_cut(self, frame: Frame) -> bool:
        """Say whether another scene is known to begin with this frame."""
        ...


class FlowMotion:
    """Motion estimated by optical flow, which knows of no cut.

    Args:
        options: how it is estimated.

    Example:
        >>> import numpy as np
        >>> source = FlowMotion()
        >>> source.kind
        'optical flow (DIS, medium)'
        >>> picture = np.full((48, 64, 3), 128, np.uint8)
        >>> source.update(Frame(0, 0.0, picture)), source.update(Frame(1, 1 / 24, picture))
        (None, Motion(64x48, 100.0% visible, repeated))
    """

    pictures = True

    def __init__(self, options: FlowOptions | None = None) -> None:
        how = options or FlowOptions()
        self.kind = flow_kind(how.method)
        self._estimator = FlowEstimator(how.long_side, how.method, how.second_every)

    def update(self, frame: Frame) -> Motion | None:
        """Return the motion from the last frame to this one, None at the first."""
        return self._estimator.update(frame.rgb)

    def is_cut(self, frame: Frame) -> bool:
        """Return false."""
        return False


def exact_motion(film: PhotoFilm, index: int) -> Motion | None:
    """Return the known motion of a film to a frame; None at its first frame and across a cut."""
    exact = film.motion(index)
    if exact is None:
        return None
    return Motion(exact.backward, exact.visible, both=TwoWayFlow(exact.backward, exact.forward))


class FilmMotion:
    """The known motion of a film, in place of optical flow, which is estimated beside it on a sample of pairs.

    Args:
        film: whose frames are given.
        options: how flow is estimated.

    Example:
        >>> film = PhotoFilm(size=(48, 64), seconds_per_move=0.125)
        >>> source = FilmMotion(film)
        >>> [source.update(frame) for frame, _ in zip(film, range(2))]
        [None, Motion(64x48, 100.0% visible)]
    """

    kind = "exact (known camera)"
    pictures = True

    def __init__(self, film: PhotoFilm, options: FlowOptions | None = None) -> None:
        self._film = film
        self._options = options or FlowOptions()
        self._second = SampledFlow(self._options.method, self._options.second_every)
        self._last: Grey | None = None

    def update(self, frame: Frame) -> Motion | None:
        """Return the exact motion to this frame; None at the first frame and across a cut."""
        last, self._last = self._last, reduced_grey(frame.rgb, self._options.long_side)
        motion = exact_motion(self._film, frame.index)
        return motion if motion is None or last is None else self._second.beside(motion, last, self._last)

    def is_cut(self, frame: Frame) -> bool:
        """Say whether this frame is the first of another photograph."""
        return self._film.is_cut(frame.index)


class CutFlow(FlowMotion):
    """Motion estimated by optical flow, between frames of which it is known where another scene begins.

    Args:
        is_cut: says by a frame's index whether it is the first of another scene: of a film, or of a stream that broke.
        options: how it is estimated.

    Example:
        >>> film = PhotoFilm(size=(48, 64), seconds_per_move=0.125)
        >>> source = CutFlow(film.is_cut)
        >>> [source.update(frame) is None for frame, _ in zip(film, range(2))]
        [True, False]
    """

    def __init__(self, is_cut: Callable[[int], bool], options: FlowOptions | None = None) -> None:
        super().__init__(options)
        self._is_cut = is_cut

    def update(self, frame: Frame) -> Motion | None:
        """Return the estimated motion to this frame; None at the first frame and across a cut."""
        motion = super().update(frame)
        return None if self.is_cut(frame) else motion

    def is_cut(self, frame: Frame) -> bool:
        """Say whether this frame is the first of another scene."""
        return self._is_cut(frame.index)


class NoMotion:
    """No motion is known: the clip is not there, only masks of it.

    Example:
        >>> NoMotion().pictures, NoMotion().kind
        (False, 'none: no clip was given')
    """

    kind = "none: no clip was given"
    pictures = False

    def update(self, frame: Frame) -> None:
        """Return None: nothing is known."""

    def is_cut(self, frame: Frame) -> bool:
        """Return false."""
        return False
