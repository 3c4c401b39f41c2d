"""Synthetic scenes: textured objects of changing outline before a textured ground, filmed by a moving camera.

Everything is known exactly: each object's visible mask, its identity, and where every pixel was one frame before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Camera = Literal["still", "pan", "zoom", "shake"]

CLASS_NAMES = ("person", "vehicle", "animal")
"""What the class ids of scene objects stand for."""

_GROUND = 0
_AROUND_PX = 16
"""How far around an object its outline's depth is known."""
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
        crossing: whether the objects meet in the middle of the frame, half way through: every other one is small and
            passes from right to left, wholly hidden for a while by the large one after it, which passes from left to
            right. Otherwise each has its own place and a heading of its own.
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
    crossing: bool = False
    texture: float = 0.6
    noise: float = 2.0
    quality: int | None = None

    def __post_init__(self) -> None:
        if min(self.size) < 32 or self.frames < 1 or self.objects < 0:
            raise ValueError(
                f"expected a size of at least 32x32, a frame and no negative count of objects, got {self}"
            )


class Outline(NamedTuple):
    """The outline of an object's visible part, to a fraction of a pixel.

    Attributes:
        part: (rows, columns) of the frame around the object.
        depth: float32 (h, w), how far inside the outline each of these pixels' centres lies, in pixels, 0 and above on
            the object; exact on the outline, good to a tenth within some pixels of it. What the frame cuts off goes
            on beyond it: its border is no outline.
    """

    part: tuple[slice, slice]
    depth: NDArray[np.float32]


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
        visible: bool (H, W), whether the pixel's point was in sight in the last frame too.
        outlines: by object id, where the outline of the visible part runs between the pixels.
    """

    index: int
    time_s: float
    rgb: NDArray[np.uint8]
    masks: dict[int, NDArray[np.bool_]]
    class_ids: dict[int, int]
    backward: NDArray[np.float32]
    visible: NDArray[np.bool_]
    outlines: dict[int, Outline]


class SyntheticScene:
    """Iterates over the frames of a scene; memory does not grow with their number.

    Example:
        >>> first, second = SyntheticScene(SceneOptions(size=(48, 64), frames=2, objects=1))
        >>> second.rgb.shape, sorted(second.masks), second.backward.shape
        ((48, 64, 3), [1], (48, 64, 2))
    """

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
        for index in range(self.options.frames):
            owner, rgb, depths = self._render(index)
            backward, visible = self._motion(index, owner)
            masks = {
                number: owner == number
                for number in range(1, len(self._objects) + 1)
                if (owner == number).any()
            }
            classes = {number: (number - 1) % len(CLASS_NAMES) for number in masks}
            yield SceneFrame(
                index=index,
                time_s=index / self.options.fps,
                rgb=_expose(rgb, self.options, rng),
                masks=masks,
                class_ids=classes,
                backward=backward.astype(np.float32),
                visible=visible,
                outlines=_visible_outlines(depths, masks, self.options.size),
            )

    def _render(self, index: int) -> tuple[NDArray[np.intp], Floats, dict[int, Outline]]:
        """Return which object each pixel shows, its colour, and every object's outline as if nothing hid it."""
        world = self._camera.to_world(self._pixels, index)
        owner = np.full(self.options.size, _GROUND, np.intp)
        rgb = _sample(self._textures[_GROUND], world)
        depths = {}
        for number, item in enumerate(self._objects, start=1):
            part = self._window(item, index)
            polar = item.polar(world[part], index)
            inside = polar[..., 1] <= 1
            owner[part][inside] = number
            rgb[part][inside] = _sample(self._textures[number], item.surface(polar[inside]))
            depth = item.depth(polar, index) / self._camera.zoom(index)
            depths[number] = Outline(part, depth.astype(np.float32))
        return owner, rgb, depths

    def _window(self, item: _Object, index: int) -> tuple[slice, slice]:
        """Return the rows and columns around an object; beyond them it has no pixel."""
        centre, reach = item.bounds(index)
        corners = self._camera.to_pixels(np.stack((centre - reach, centre + reach)), index)
        height, width = self.options.size
        x1, y1 = np.clip(np.floor(corners[0]) - _AROUND_PX, 0, (width, height)).astype(int)
        x2, y2 = np.clip(np.ceil(corners[1]) + 1 + _AROUND_PX, 0, (width, height)).astype(int)
        return slice(y1, y2), slice(x1, x2)

    def _motion(self, index: int, owner: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the exact backward flow, and which pixels' points were in sight in the last frame."""
        height, width = self.options.size
        if index == 0:
            return np.zeros((height, width, 2)), np.zeros((height, width), bool)
        world = self._camera.to_world(self._pixels, index)
        was = world.copy()
        for number, item in enumerate(self._objects, start=1):
            part = self._window(item, index)
            own = owner[part] == number
            was[part][own] = item.to_world(item.polar(world[part][own], index), index - 1)
        source = self._camera.to_pixels(was, index - 1)
        inside = (source >= -0.5) & (source < (width - 0.5, height - 0.5))
        visible: NDArray[np.bool_] = inside[..., 0] & inside[..., 1]
        # Judged at the point itself, between the pixels: rounding it would show a strip behind every moving object.
        for number, item in enumerate(self._objects, start=1):
            centre, reach = item.bounds(index - 1)
            near = (owner < number) & (np.abs(was - centre) <= reach).all(axis=-1)
            visible[near] &= item.polar(was[near], index - 1)[..., 1] > 1
        return source - self._pixels, visible


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

    def zoom(self, index: int) -> float:
        """Return how much of the world a pixel covers."""
        return float(self._zoom[index])

    def to_world(self, pixels: Floats, index: int) -> Floats:
        """Return where pixels (x, y) of a frame lie in the world."""
        world: Floats = (pixels - self._middle) * self._zoom[index] + self._middle + self._shift[index]
        return world

    def to_pixels(self, world: Floats, index: int) -> Floats:
        """Return at which pixels (x, y) of a frame points of the world lie."""
        pixels: Floats = (world - self._middle - self._shift[index]) / self._zoom[index] + self._middle
        return pixels


class _Object:
    """A star-shaped outline that travels, turns and may deform; its surface is known by angle and share of radius."""

    def __init__(self, options: SceneOptions, number: int, rng: np.random.Generator) -> None:
        height, width = options.size
        self._radius = min(height, width) * rng.uniform(0.13, 0.2)
        place = (number - 0.5) / max(options.objects, 1)
        middle = np.array([width * place, height * rng.uniform(0.35, 0.65)])
        heading = rng.uniform(0, 2 * np.pi)
        if options.crossing:
            small = number % 2 == 1
            self._radius = min(height, width) * (0.08 if small else 0.19)
            middle = np.array([width / 2, height / 2])
            heading = np.pi if small else 0.0
        self._velocity = options.speed * np.array([np.cos(heading), np.sin(heading)])
        self._start = middle - self._velocity * options.frames / 2
        self._turn = rng.uniform(-0.01, 0.01) * min(options.speed, 1.0)
        order = np.arange(2, 2 + _HARMONICS)
        self._order = order
        self._amplitude = rng.uniform(0.02, 0.14, _HARMONICS) / np.sqrt(order)
        self._phase = rng.uniform(0, 2 * np.pi, _HARMONICS)
        self._pace = rng.uniform(0.02, 0.06, _HARMONICS) if options.deforming else np.zeros(_HARMONICS)

    def _waves(self, index: int) -> Floats:
        return self._amplitude * (1 + 0.5 * np.sin(2 * np.pi * self._pace * index))

    def _outline(self, angle: Floats, index: int) -> Floats:
        waves = np.cos(angle[..., None] * self._order + self._phase)
        return self._radius * (1 + waves @ self._waves(index))

    def _slope(self, angle: Floats, index: int) -> Floats:
        """Return how the outline's radius changes with the angle."""
        waves = np.sin(angle[..., None] * self._order + self._phase)
        return -self._radius * (waves @ (self._order * self._waves(index)))

    def bounds(self, index: int) -> tuple[Floats, float]:
        """Return the centre (x, y) in the world, and how far from it the outline reaches at most."""
        most = 1 + 1.5 * float(np.abs(self._amplitude).sum())
        return self._start + self._velocity * index, self._radius * most

    def polar(self, world: Floats, index: int) -> Floats:
        """Return angle on the object and share of the outline's radius (1 on it), (..., 2)."""
        offset = world - (self._start + self._velocity * index)
        angle = np.arctan2(offset[..., 1], offset[..., 0]) - self._turn * index
        share = np.hypot(offset[..., 0], offset[..., 1]) / self._outline(angle, index)
        return np.stack((angle, share), axis=-1)

    def depth(self, polar: Floats, index: int) -> Floats:
        """Return how far a point lies inside the outline, along its normal to first order; negative outside."""
        angle, share = polar[..., 0], polar[..., 1]
        radius, slope = self._outline(angle, index), self._slope(angle, index)
        return (1 - share) * radius * radius / np.hypot(radius, slope)

    def to_world(self, polar: Floats, index: int) -> Floats:
        """Return where a point of the object is."""
        angle, share = polar[..., 0], polar[..., 1]
        radius = share * self._outline(angle, index)
        turned = angle + self._turn * index
        direction = np.stack((np.cos(turned), np.sin(turned)), axis=-1)
        points: Floats = self._start + self._velocity * index + radius[..., None] * direction
        return points

    def surface(self, polar: Floats) -> Floats:
        """Return where on its texture a point of the object is, the same in every frame."""
        radius = polar[..., 1] * self._radius
        return np.stack((radius * np.cos(polar[..., 0]), radius * np.sin(polar[..., 0])), axis=-1)


def _visible_outlines(
    depths: dict[int, Outline], masks: dict[int, NDArray[np.bool_]], size: tuple[int, int]
) -> dict[int, Outline]:
    """Let the objects in front cut off those behind, and leave out what is hidden."""
    covered = np.full(size, -np.inf, np.float32)
    found = {}
    for number, (part, depth) in reversed(depths.items()):
        if number in masks:
            found[number] = Outline(part, np.minimum(depth, -covered[part]))
        covered[part] = np.maximum(covered[part], depth)
    return dict(sorted(found.items()))


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
    x, y = places[..., 0], places[..., 1]
    floor_x, floor_y = np.floor(x), np.floor(y)
    left, top = floor_x.astype(np.intp) % _TEXTURE, floor_y.astype(np.intp) % _TEXTURE
    right, below = (left + 1) % _TEXTURE, (top + 1) % _TEXTURE
    u, v = (x - floor_x)[..., None], (y - floor_y)[..., None]
    texels = texture.reshape(-1, 3)
    top, below = top * _TEXTURE, below * _TEXTURE
    upper = texels.take(top + left, axis=0) * (1 - u) + texels.take(top + right, axis=0) * u
    lower = texels.take(below + left, axis=0) * (1 - u) + texels.take(below + right, axis=0) * u
    return upper * (1 - v) + lower * v


def _expose(rgb: Floats, options: SceneOptions, rng: np.random.Generator) -> NDArray[np.uint8]:
    noisy = rgb + rng.normal(0, options.noise, rgb.shape) if options.noise else rgb
    frame = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    if options.quality is None:
        return frame
    _, encoded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, options.quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
