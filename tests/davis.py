"""The DAVIS sequences of the data folder, as masks, and the published implementations' figures for them."""

import os
from functools import lru_cache
from pathlib import Path

import pytest

from yolact_temporal.data.crops import MaskCrop
from yolact_temporal.data.formats.davis_png import read_labels

TRUTH, OSVOS = "Annotations/480p", "results/osvos"


@lru_cache(maxsize=4)
def masks(kind: str, sequence: str) -> tuple[MaskCrop, ...]:
    """Every frame as one foreground object (value above 0); skips, saying so, where there is no data folder."""
    root = os.environ.get("YOLACT_TEMPORAL_TEST_DATA")
    if not root:
        pytest.skip("YOLACT_TEMPORAL_TEST_DATA does not name the data folder")
    folder = Path(root).absolute() / "datasets" / "davis" / kind / sequence
    return tuple(MaskCrop.from_bitmap(read_labels(path) > 0) for path in sorted(folder.glob("*.png")))


# By sequence: frames; J mean, recall, decay; F likewise; dtSSD; E_F, E_C, E_R; consecutive IoU of osvos and truth.
OSVOS_FIGURES = {
    "blackswan": (
        50,
        (0.9430, 1.0000, 0.0014),
        (0.9741, 1.0000, -0.0004),
        8.1988,
        (0.00000, 0.04670, 0.11226),
        (0.94093, 0.94687),
    ),
    "breakdance": (
        84,
        (0.7272, 0.9512, 0.1410),
        (0.7560, 0.9878, 0.1114),
        16.8179,
        (0.04819, 0.14392, 0.40889),
        (0.65406, 0.64885),
    ),
    "camel": (
        90,
        (0.8595, 1.0000, 0.2000),
        (0.8905, 1.0000, 0.1877),
        10.2863,
        (0.03371, 0.16600, 0.46421),
        (0.89852, 0.91308),
    ),
    "car-shadow": (
        40,
        (0.9284, 1.0000, 0.1103),
        (0.9174, 1.0000, 0.1697),
        7.5300,
        (0.07692, 0.18637, 0.27471),
        (0.89455, 0.93957),
    ),
    "dance-twirl": (
        90,
        (0.6409, 0.7955, 0.1399),
        (0.7164, 0.9659, 0.1532),
        16.6325,
        (0.08989, 0.11062, 0.30889),
        (0.61755, 0.76185),
    ),
    "drift-straight": (
        50,
        (0.6655, 0.7292, 0.6199),
        (0.7068, 0.6667, 0.4896),
        15.4167,
        (0.30612, 0.08248, 0.19810),
        (0.53554, 0.77253),
    ),
}
"""By davis2017-evaluation (J, F), RobustVideoMatting's definition (dtSSD) and Zhang and Wang's (E_F, E_C, E_R)."""

SHAPE_STABILITY = {
    ("car-shadow", TRUTH): 0.048824,
    ("car-shadow", OSVOS): 0.277040,
    ("blackswan", TRUTH): 0.013085,
    ("blackswan", OSVOS): 0.045127,
    ("breakdance", TRUTH): 0.559593,
    ("breakdance", OSVOS): 0.911369,
    ("camel", TRUTH): 0.074673,
    ("camel", OSVOS): 0.108763,
}
"""T by the implementation of DAVIS 2016."""
