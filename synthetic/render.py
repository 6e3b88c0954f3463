"""Drawing for the synthetic streets: a pinhole camera, posed parts, a canvas.

World coordinates are metres: x to the right, y up from the ground, z forward from the
camera. An object is a `Sprite`: a list of filled polygons in pixels under one label. The
canvas paints sprites from far to near and remembers which one owns each pixel, so the label
images follow from the same polygons as the picture.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

_SHIFT = 4  # fractional bits of polygon corners
_NEAREST_Z = 1.0
_TILE = 512
_TILE_PIXELS_PER_METRE = 96.0
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 20)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 20)[:-1])], 1
)


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along the street.

    Attributes:
      height: Height of the picture, pixels.
      width: Width of the picture, pixels.
      focal: Focal length, pixels.
      eye: Height above the ground, metres.
      horizon: Row of the horizon, pixels.
      center: Column of the vanishing point, pixels.
    """

    height: int
    width: int
    focal: float
    eye: float
    horizon: float
    center: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Returns the pixels (x, y), float64 [N, 2], of world points [N, 3] in metres."""
        points = np.asarray(points, np.float64)
        scale = self.focal / np.maximum(points[:, 2], _NEAREST_Z)
        return np.stack(
            [
                self.center + points[:, 0] * scale,
                self.horizon + (self.eye - points[:, 1]) * scale,
            ],
            1,
        )


class Face(NamedTuple):
    """A filled polygon: float [n, 2] pixels, RGB colour 0..255, opacity 0..1."""

    polygon: np.ndarray
    color: Sequence[float]
    opacity: float = 1.0


@dataclasses.dataclass
class Sprite:
    """Everything that is painted and labelled as one object.

    Attributes:
      label: Cityscapes label id.
      faces: Polygons, painted in this order.
      depth: Distance by which sprites are ordered, metres.
      grouped: True for a member of a group region: no instance of its own.
      texture: Amplitude of the surface noise, 0..1.
      outline: Darkness of the rim that sets the object off from what is behind it, 0..1.
      shadow: Polygon of the shadow on the ground, float [n, 2] pixels, or None.
    """

    label: int
    faces: list[Face]
    depth: float
    grouped: bool = False
    texture: float = 0.15
    outline: float = 0.5
    shadow: np.ndarray | None = None


class Pose:
    """Places an object's own coordinates in the world and makes faces of simple solids.

    Own coordinates are (u, w, y): forward, to the right, up; metres; the origin stands on the
    ground. With `yaw` 0 the object looks away from the camera, with 90 degrees to the right.
    """

    def __init__(self, camera: Camera, x: float, z: float, yaw: float, lift: float = 0.0):
        self.camera = camera
        self.x, self.z, self.yaw, self.lift = x, z, yaw, lift

    def world(self, points: Sequence[Sequence[float]]) -> np.ndarray:
        """Returns world points, float64 [N, 3], of own points [N, 3]."""
        u, w, y = np.asarray(points, np.float64).reshape(-1, 3).T
        sin, cos = np.sin(self.yaw), np.cos(self.yaw)
        return np.stack([self.x + u * sin + w * cos, y + self.lift, self.z + u * cos - w * sin], 1)

    def depth(self, point: Sequence[float]) -> float:
        """Returns the depth z of one own point, metres."""
        return float(self.world([point])[0, 2])

    def polygon(self, points: Sequence[Sequence[float]]) -> np.ndarray:
        """Returns the pixels, float64 [N, 2], of own points [N, 3]."""
        return self.camera.project(self.world(points))

    def hull(self, balls: Sequence[tuple[Sequence[float], float]], color, opacity=1.0) -> Face:
        """Returns the outline around balls, each (own centre, radius in metres)."""
        world = self.world([center for center, _ in balls])
        centers = self.camera.project(world)
        radii = np.array([r for _, r in balls]) * self.camera.focal
        radii = radii / np.maximum(world[:, 2], _NEAREST_Z)
        rings = centers[:, None] + _CIRCLE[None] * radii[:, None, None]
        outline = cv2.convexHull(rings.reshape(-1, 2).astype(np.float32))
        return Face(outline.reshape(-1, 2), color, opacity)

    def limb(self, points: Sequence[Sequence[float]], radius: float, color) -> list[Face]:
        """Returns rounded bars of equal radius (metres) along a chain of own points."""
        return [self.hull([(p, radius), (q, radius)], color) for p, q in itertools.pairwise(points)]

    def disc(self, center: Sequence[float], radius: float, color, thick=0.0, opacity=1.0) -> Face:
        """Returns an upright disc in the (u, y) plane, `thick` metres wide."""
        ring = np.zeros((2, len(_CIRCLE), 3))
        ring[..., 0] = center[0] + _CIRCLE[:, 0] * radius
        ring[..., 1] = center[1] + np.array([[-0.5], [0.5]]) * thick
        ring[..., 2] = center[2] + _CIRCLE[:, 1] * radius
        outline = cv2.convexHull(self.polygon(ring).astype(np.float32))
        return Face(outline.reshape(-1, 2), color, opacity)

    def ground_shadow(self, length: float, width: float) -> np.ndarray:
        """Returns the footprint, slightly shifted, as a polygon in pixels."""
        ring = np.zeros((len(_CIRCLE), 3))
        ring[:, 0] = np.clip(_CIRCLE[:, 0] * 1.3, -1, 1) * length / 2
        ring[:, 1] = np.clip(_CIRCLE[:, 1] * 1.3, -1, 1) * width / 2 + 0.08
        return self.polygon(ring)


class Canvas:
    """The picture, and for each pixel the sprite that owns it.

    Attributes:
      image: uint8 [H, W, 3], RGB.
      owner: int32 [H, W], index into `sprites`, -1 where nothing was painted.
      sprites: Everything painted so far.
    """

    def __init__(self, camera: Camera, rng: np.random.Generator, haze: np.ndarray):
        self.camera = camera
        self.image = np.zeros((camera.height, camera.width, 3), np.uint8)
        self.owner = np.full((camera.height, camera.width), -1, np.int32)
        self.sprites: list[Sprite] = []
        self._rng = rng
        self._haze = np.asarray(haze, np.float32)
        self._tile = noise_tile(rng)

    def paint(self, sprite: Sprite) -> None:
        """Paints a sprite over what is there and takes over the pixels it covers."""
        if sprite.shadow is not None:
            self._darken(sprite.shadow, 0.55)
        box = self._box(np.concatenate([face.polygon for face in sprite.faces]))
        index = len(self.sprites)
        self.sprites.append(sprite)
        side = self._rng.uniform(-0.22, 0.22)
        corner = self._rng.integers(0, _TILE, 2)
        if box is None:
            return
        x0, y0, x1, y1 = box
        color = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
        opacity = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for face in sprite.faces:
            polygon = _fixed_point(face.polygon, x0, y0)
            rgb = tuple(float(np.clip(value, 0, 255)) for value in face.color)
            cv2.fillPoly(color, [polygon], rgb, shift=_SHIFT)
            cv2.fillPoly(opacity, [polygon], round(255 * face.opacity), shift=_SHIFT)
        gain = self._gain(sprite, opacity, side, corner)
        fog = 1.0 - np.exp(-sprite.depth / 260.0)
        view = self.image[y0:y1, x0:x1]
        shaded = color * (gain * np.float32(1 - fog))[..., None] + self._haze * np.float32(fog)
        alpha = (opacity * np.float32(1 / 255))[..., None]
        shaded = view + (np.clip(shaded, 0, 255) - view) * alpha
        view[:] = (shaded + np.float32(0.5)).astype(np.uint8)
        self.owner[y0:y1, x0:x1][opacity > 0] = index

    def _gain(self, sprite: Sprite, opacity: np.ndarray, side: float, corner) -> np.ndarray:
        """Returns the brightness of a patch, float32 [h, w]: light, surface and rim."""
        height, width = opacity.shape
        rows = np.linspace(1.12, 0.84, height, dtype=np.float32)[:, None]
        columns = np.linspace(1 - side, 1 + side, width, dtype=np.float32)[None]
        step = _TILE_PIXELS_PER_METRE * sprite.depth / self.camera.focal
        crop_height = int(np.clip(height * step, 4, _TILE))
        crop_width = int(np.clip(width * step, 4, _TILE))
        crop = self._tile[corner[0] :, corner[1] :][:crop_height, :crop_width]
        surface = cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)
        gain = rows * columns * (1 + np.float32(sprite.texture) * surface)
        if sprite.outline > 0:
            extent = float(np.sqrt(height * width))
            limit = max(2, round(0.016 * self.camera.height))
            size = 2 * int(np.clip(0.04 * extent, 1, limit)) + 1
            mask = (opacity > 0).astype(np.float32)
            inner = cv2.blur(mask, (size, size), borderType=cv2.BORDER_REPLICATE)
            inner = np.clip(inner * 2 - 1, 0, 1)
            gain *= 1 - np.float32(sprite.outline) * (1 - inner)
        return gain

    def _darken(self, polygon: np.ndarray, strength: float) -> None:
        box = self._box(polygon)
        if box is None:
            return
        x0, y0, x1, y1 = box
        mask = np.zeros((y1 - y0, x1 - x0), np.float32)
        cv2.fillPoly(mask, [_fixed_point(polygon, x0, y0)], strength, shift=_SHIFT)
        size = 2 * (min(mask.shape) // 8) + 1
        mask = cv2.blur(mask, (size, size))
        view = self.image[y0:y1, x0:x1]
        view[:] = (view * (1 - mask)[..., None]).astype(np.uint8)

    def _box(self, points: np.ndarray) -> tuple[int, int, int, int] | None:
        x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
        x1, y1 = np.ceil(points.max(0)).astype(int) + 2
        x1, y1 = min(x1, self.camera.width), min(y1, self.camera.height)
        return None if x1 <= x0 or y1 <= y0 else (int(x0), int(y0), int(x1), int(y1))


def noise_tile(rng: np.random.Generator) -> np.ndarray:
    """Returns noise of several grain sizes, float32 [1024, 1024], about -1..1."""
    size = 2 * _TILE
    tile = np.zeros((size, size), np.float32)
    for cells, weight in ((32, 0.5), (128, 0.35), (512, 0.3), (1024, 0.2)):
        grid = rng.standard_normal((cells, cells), np.float32)
        tile += weight * cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(tile, -1.2, 1.2)


def _fixed_point(polygon: np.ndarray, x0: int, y0: int) -> np.ndarray:
    return np.rint((polygon - (x0, y0)) * 2**_SHIFT).astype(np.int32)
