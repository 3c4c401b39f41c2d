"""Synthetic scenes: textured objects of changing outline before a textured ground, filmed by a moving camera.

Everything is known exactly: each object's visible mask, its identity, and where every pixel was one frame before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Camera = Literal["still", "pan", "zoom", "shake"]

CLASS_NAMES = ("person", "vehicle", "animal")
"""What the class ids of scene objects stand for."""

_GROUND = 0
_HARMONICS = 4
_TEXTURE = 256


@dataclass(frozen=True)
class SceneOptions:
    """What a scene is made of; the same options give the same frames to the bit.

    Attributes:
        seed: of everything random.
        size: (height, width) in pixels.
        frames: how many.
        fps: frames a second.
        objects: how many; the later ones pass in front of the earlier.
        camera: how it moves: not at all, steadily sideways, nearer, or from a trembling hand.
        speed: of the objects, in pixels a frame.
        deforming: whether outlines change by themselves.
        texture: contrast of the textures, 0 (flat) to 1.
        noise: standard deviation of the sensor's noise, in grey values of 255.
        quality: of the JPEG compression of each frame, 1 to 100; None for none.
    """

    seed: int = 0
    size: tuple[int, int] = (240, 320)
    frames: int = 48
    fps: float = 24.0
    objects: int = 3
    camera: Camera = "still"
    speed: float = 1.0
    deforming: bool = False
    texture: float = 0.6
    noise: float = 2.0
    quality: int | None = None

    def __post_init__(self) -> None:
        if min(self.size) < 32 or self.frames < 1 or self.objects < 0:
            raise ValueError(
                f"expected a size of at least 32x32, a frame and no negative count of objects, got {self}"
            )


@dataclass(frozen=True, eq=False)
class SceneFrame:
    """One frame and all that is true of it.

    Attributes:
        index: from 0.
        time_s: index / fps.
        rgb: uint8 (H, W, 3).
        masks: by object id (from 1), the visible part, bool (H, W); a hidden object is left out.
        class_ids: by object id, into `CLASS_NAMES`.
        backward: float32 (H, W, 2), where each pixel was in the last frame, less where it is; zero in the first.
        visible: bool (H, W), whether the pixel's point was visible in the last frame too.
    """

    index: int
    time_s: float
    rgb: NDArray[np.uint8]
    masks: dict[int, NDArray[np.bool_]]
    class_ids: dict[int, int]
    backward: NDArray[np.float32]
    visible: NDArray[np.bool_]


class SyntheticScene:
    """Iterates over the frames of a scene; memory does not grow with their number."""

    def __init__(self, options: SceneOptions | None = None) -> None:
        self.options = options or SceneOptions()
        rng = np.random.default_rng((self.options.seed, 0x5CE4E))
        height, width = self.options.size
        self._camera = _CameraPath(self.options, rng)
        self._objects = [_Object(self.options, number, rng) for number in range(1, self.options.objects + 1)]
        self._textures = [_texture(rng, self.options.texture) for _ in range(len(self._objects) + 1)]
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        self._pixels = np.stack((columns, rows), axis=-1)

    def __len__(self) -> int:
        return self.options.frames

    def __iter__(self) -> Iterator[SceneFrame]:
        """Yield the frames; may be called again, and gives the same."""
        rng = np.random.default_rng((self.options.seed, 0x4015E))
        before: NDArray[np.intp] | None = None
        for index in range(self.options.frames):
            owner, rgb = self._render(index)
            backward, visible = self._motion(index, owner, before)
            masks = {
                number: owner == number
                for number in range(1, len(self._objects) + 1)
                if (owner == number).any()
            }
            classes = {number: (number - 1) % len(CLASS_NAMES) for number in masks}
            frame = _expose(rgb, self.options, rng)
            yield SceneFrame(
                index, index / self.options.fps, frame, masks, classes, backward.astype(np.float32), visible
            )
            before = owner

    def _render(self, index: int) -> tuple[NDArray[np.intp], Floats]:
        """Return which object each pixel shows, and its colour."""
        world = self._camera.to_world(self._pixels, index)
        owner = np.full(self.options.size, _GROUND, np.intp)
        rgb = _sample(self._textures[_GROUND], world)
        for number, item in enumerate(self._objects, start=1):
            polar = item.polar(world, index)
            inside = polar[..., 1] <= 1
            owner[inside] = number
            rgb[inside] = _sample(self._textures[number], item.surface(polar[inside]))
        return owner, rgb

    def _motion(
        self, index: int, owner: NDArray[np.intp], before: NDArray[np.intp] | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the exact backward flow, and which pixels showed the same surface in the last frame."""
        height, width = self.options.size
        if before is None:
            return np.zeros((height, width, 2)), np.zeros((height, width), bool)
        world = self._camera.to_world(self._pixels, index)
        was = world.copy()
        for number, item in enumerate(self._objects, start=1):
            inside = owner == number
            if inside.any():
                was[inside] = item.to_world(item.polar(world[inside], index), index - 1)
        source = self._camera.to_pixels(was, index - 1)
        nearest = np.rint(source).astype(np.intp)
        within = ((nearest >= 0) & (nearest < (width, height))).all(axis=-1)
        x, y = (np.clip(nearest[..., axis], 0, limit - 1) for axis, limit in ((0, width), (1, height)))
        # At an outline the nearest pixel may belong to the neighbour: what touches the surface counts as seen.
        return source - self._pixels, within & (_touches(before, owner, x, y))


class _CameraPath:
    """A similarity from pixels to the world for each frame: shift and zoom about the middle of the frame."""

    def __init__(self, options: SceneOptions, rng: np.random.Generator) -> None:
        count = options.frames
        height, width = options.size
        self._middle = np.array([width / 2, height / 2])
        self._shift: Floats = np.zeros((count, 2))
        self._zoom: Floats = np.ones(count)
        steps = np.arange(count)
        if options.camera == "pan":
            self._shift[:, 0] = 1.3 * steps
        elif options.camera == "zoom":
            self._zoom = np.asarray(1.004**-steps, np.float64)
        elif options.camera == "shake":
            self._shift = np.asarray(
                cv2.GaussianBlur(rng.normal(0, 3.0, (count, 2)), (1, 5), 0.8), np.float64
            )

    def to_world(self, pixels: Floats, index: int) -> Floats:
        return (pixels - self._middle) * self._zoom[index] + self._middle + self._shift[index]

    def to_pixels(self, world: Floats, index: int) -> Floats:
        return (world - self._middle - self._shift[index]) / self._zoom[index] + self._middle


class _Object:
    """A star-shaped outline that travels, turns and may deform; its surface is known by angle and share of radius."""

    def __init__(self, options: SceneOptions, number: int, rng: np.random.Generator) -> None:
        height, width = options.size
        self._radius = min(height, width) * rng.uniform(0.13, 0.2)
        place = (number - 0.5) / max(options.objects, 1)
        middle = np.array([width * place, height * rng.uniform(0.35, 0.65)])
        heading = rng.uniform(0, 2 * np.pi)
        self._velocity = options.speed * np.array([np.cos(heading), np.sin(heading)])
        self._start = middle - self._velocity * options.frames / 2
        self._turn = rng.uniform(-0.01, 0.01) * min(options.speed, 1.0)
        order = np.arange(2, 2 + _HARMONICS)
        self._order = order
        self._amplitude = rng.uniform(0.02, 0.14, _HARMONICS) / np.sqrt(order)
        self._phase = rng.uniform(0, 2 * np.pi, _HARMONICS)
        self._pace = rng.uniform(0.02, 0.06, _HARMONICS) if options.deforming else np.zeros(_HARMONICS)

    def _outline(self, angle: Floats, index: int) -> Floats:
        waves = np.cos(angle[..., None] * self._order + self._phase)
        beat = 1 + 0.5 * np.sin(2 * np.pi * self._pace * index)
        return self._radius * (1 + (waves * (self._amplitude * beat)).sum(axis=-1))

    def polar(self, world: Floats, index: int) -> Floats:
        """Return angle on the object and share of the outline's radius (1 on it), (..., 2)."""
        offset = world - (self._start + self._velocity * index)
        angle = np.arctan2(offset[..., 1], offset[..., 0]) - self._turn * index
        share = np.hypot(offset[..., 0], offset[..., 1]) / self._outline(angle, index)
        return np.stack((angle, share), axis=-1)

    def to_world(self, polar: Floats, index: int) -> Floats:
        """Return where a point of the object is."""
        angle, share = polar[..., 0], polar[..., 1]
        radius = share * self._outline(angle, index)
        turned = angle + self._turn * index
        direction = np.stack((np.cos(turned), np.sin(turned)), axis=-1)
        return self._start + self._velocity * index + radius[..., None] * direction

    def surface(self, polar: Floats) -> Floats:
        """Return where on its texture a point of the object is, the same in every frame."""
        radius = polar[..., 1] * self._radius
        return np.stack((radius * np.cos(polar[..., 0]), radius * np.sin(polar[..., 0])), axis=-1)


def _touches(
    before: NDArray[np.intp], owner: NDArray[np.intp], x: NDArray[np.intp], y: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which pixels come from their own surface, or from right beside it."""
    found = before[y, x] == owner
    for number in np.unique(owner[~found]):
        near = cv2.dilate((before == number).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        wanted = ~found & (owner == number)
        found[wanted] = near[y[wanted], x[wanted]]
    return found


def _texture(rng: np.random.Generator, contrast: float) -> Floats:
    """Return a band-limited colour texture that tiles, float (T, T, 3) in 0..255."""
    base = rng.uniform(70, 185, 3)
    layers = np.zeros((_TEXTURE, _TEXTURE, 3))
    for sigma in (1.5, 4.0, 10.0):
        noise = rng.normal(size=(_TEXTURE, _TEXTURE, 3))
        tiled = cv2.copyMakeBorder(noise, 40, 40, 40, 40, cv2.BORDER_WRAP)
        smooth = np.asarray(cv2.GaussianBlur(tiled, (0, 0), sigma))[40:-40, 40:-40]
        layers += smooth / smooth.std()
    return np.clip(base + contrast * 28 * layers, 0, 255)


def _sample(texture: Floats, places: Floats) -> Floats:
    """Sample a tiling texture bilinearly at places (..., 2) as (x, y)."""
    x, y = places[..., 0] % _TEXTURE, places[..., 1] % _TEXTURE
    left, top = np.floor(x).astype(np.intp) % _TEXTURE, np.floor(y).astype(np.intp) % _TEXTURE
    right, below = (left + 1) % _TEXTURE, (top + 1) % _TEXTURE
    u, v = (x - np.floor(x))[..., None], (y - np.floor(y))[..., None]
    upper = texture[top, left] * (1 - u) + texture[top, right] * u
    lower = texture[below, left] * (1 - u) + texture[below, right] * u
    return upper * (1 - v) + lower * v


def _expose(rgb: Floats, options: SceneOptions, rng: np.random.Generator) -> NDArray[np.uint8]:
    noisy = rgb + rng.normal(0, options.noise, rgb.shape) if options.noise else rgb
    frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if options.quality is None:
        return frame
    _, encoded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, options.quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
