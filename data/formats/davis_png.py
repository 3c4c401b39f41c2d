"""Masks as a folder of PNG images, one a frame, as the DAVIS data sets have them.

A pixel's value is its object (palette or grey, 8 bits; Pont-Tuset et al., arXiv 1704.00675): 0 is no object. 255 is
void, which is no object either, except in a folder that holds only 0 and 255: there 255 is the one object (Perazzi et
al., CVPR 2016).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yolact_temporal.errors import InputError

VOID = 255
_MODES = ("P", "L", "1")


class DavisMasks:
    """A folder of PNG masks in the order of their names; its i-th image belongs to the clip's i-th frame.

    Args:
        path: the folder.

    Raises:
        InputError: if it cannot be read or holds no PNG.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.paths = sorted(entry for entry in path.iterdir() if entry.suffix.lower() == ".png")
        except OSError as error:
            raise InputError(
                f"expected a folder of PNG masks, got {path}, which cannot be read ({error.strerror}): pass the folder "
                f"of one clip's masks"
            ) from error
        if not self.paths:
            raise InputError(f"expected PNG masks in {path}, found none: pass the folder of one clip's masks")
        self._binary: bool | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> dict[int, NDArray[np.bool_]]:
        """Return the masks of a frame by object id, bool (H, W) each; absent objects are left out.

        Raises:
            InputError: if the image is missing, damaged or of another kind.
        """
        if index >= len(self.paths):
            raise InputError(
                f"expected a mask for frame {index}, found {len(self.paths)} in {self.paths[0].parent}: the masks must "
                f"be of the whole clip"
            )
        labels = read_labels(self.paths[index])
        if self._binary is None:
            self._binary = self._is_binary()
        values = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
        if self._binary:
            return {1: labels == VOID} if VOID in values else {}
        return {int(value): labels == value for value in values if value not in (0, VOID)}

    def _is_binary(self) -> bool:
        """Tell whether 255 is the one object: no image has another value but 0."""
        return all(np.isin(read_labels(path), (0, VOID)).all() for path in self.paths)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Return an image's values, uint8 (H, W): of a palette image its indices, not its colours.

    Raises:
        InputError: if it cannot be decoded or has colours instead of values.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in _MODES:
                raise InputError(
                    f"expected a palette or 8-bit grey PNG in {path}, got mode {image.mode}: save object indices, not "
                    f"colours"
                )
            values = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"expected a PNG image in {path}, which cannot be decoded ({error})") from error
    return values.astype(np.uint8) * (VOID if values.dtype == np.bool_ else 1)
