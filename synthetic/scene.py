"""A synthetic street: the picture of its layout, with the instance image."""

import colorsys
from typing import NamedTuple

import cv2
import numpy as np

from synthetic import scenery
from synthetic.layout import Layout
from synthetic.render import Camera, Canvas, noise_tile

MIN_HEIGHT, MIN_WIDTH = 64, 128
MAX_SIZE = 8192
MAX_ZOOM = 16.0

_EGO_VEHICLE, _RECTIFICATION_BORDER, _OUT_OF_ROI = 1, 2, 3
_INSTANCE_LABELS = (24, 25, 26, 27, 28, 29, 30, 31, 32, 33)
_SPECK_AREA = 64.0  # pixels of a 1024 rows high picture; less to be seen is void


class Scene(NamedTuple):
    """image: uint8 [H, W, 3], RGB. instance_ids: uint16 [H, W], Cityscapes encoding."""

    image: np.ndarray
    instance_ids: np.ndarray


def check_camera(height: int, width: int, zoom: float) -> None:
    """Raises ValueError if a size or the zoom is out of the range of `render_street`."""
    for name, value, least, most in (
        ("height", height, MIN_HEIGHT, MAX_SIZE),
        ("width", width, MIN_WIDTH, MAX_SIZE),
        ("zoom", zoom, 1, MAX_ZOOM),
    ):
        if not least <= value <= most:  # Also where the zoom is not a number.
            raise ValueError(f"`{name}` must be in [{least}, {most}]: {value}")


def render_street(height: int, width: int, rng: np.random.Generator, zoom: float = 1.0) -> Scene:
    """Returns a street scene; the same generator state gives the same scene.

    Args:
      height: Rows, `MIN_HEIGHT` to `MAX_SIZE`. Objects scale with it.
      width: Columns, `MIN_WIDTH` to `MAX_SIZE`.
      rng: Source of every random choice.
      zoom: Factor on the camera's focal length, 1 to `MAX_ZOOM`: the larger, the closer the
        objects.

    Raises:
      ValueError: See `check_camera`.
    """
    check_camera(height, width, zoom)
    camera = Camera(
        height=height,
        width=width,
        focal=height * zoom * rng.uniform(1.6, 2.1),
        eye=rng.uniform(1.35, 1.9),
        horizon=height * rng.uniform(0.36, 0.45),
        center=width * rng.uniform(0.42, 0.58),
    )
    sky = 255 * np.array(colorsys.hsv_to_rgb(0.58, rng.uniform(0.02, 0.35), rng.uniform(0.8, 1)))
    canvas = Canvas(camera, rng, sky * 0.9)
    layout = Layout(camera, rng)
    for sprite in layout.background(sky):
        canvas.paint(sprite)
    for sprite in sorted(layout.objects(), key=lambda sprite: -sprite.depth):
        canvas.paint(sprite)
    instance_ids = _encode(canvas)
    _void_frame(canvas.image, instance_ids, rng)
    return Scene(_photograph(canvas.image, rng), instance_ids)


def _encode(canvas: Canvas) -> np.ndarray:
    """Returns the Cityscapes instance image, uint16 [H, W], of a painted canvas."""
    counts = np.bincount(canvas.owner.ravel() + 1, minlength=len(canvas.sprites) + 1)[1:]
    least = max(_SPECK_AREA * (canvas.camera.height / 1024) ** 2, 4)
    values = np.zeros(len(canvas.sprites) + 1, np.uint16)
    numbers: dict[int, int] = {}
    for index, sprite in enumerate(canvas.sprites):
        values[index] = sprite.label
        if sprite.label not in _INSTANCE_LABELS or sprite.grouped:
            continue
        if counts[index] < least:
            values[index] = scenery.DYNAMIC
            continue
        number = numbers.get(sprite.label, 0)
        numbers[sprite.label] = number + 1
        values[index] = sprite.label * 1000 + number
    return values[canvas.owner]  # -1, nothing painted, takes the last value: 0


def _void_frame(image: np.ndarray, instance_ids: np.ndarray, rng: np.random.Generator) -> None:
    """Adds the own car, the rectification border and the frame out of the region of interest."""
    height, width = instance_ids.shape
    hood = height * rng.uniform(0.03, 0.08)
    columns = np.linspace(0, width, 24)
    rows = height - hood * (1 - ((columns / width - 0.5) * 2) ** 4)
    outline = np.concatenate([np.stack([columns, rows], 1), [(width, height), (0, height)]])
    outline = np.rint(outline).astype(np.int32)
    paint = rng.uniform(20, 60)
    cv2.fillPoly(image, [outline], (paint, paint, paint * 1.05))
    cv2.fillPoly(instance_ids, [outline], _EGO_VEHICLE)
    border = max(height // 200, 1)
    image[:, :border] = image[:, -border:] = 0
    instance_ids[:, :border] = instance_ids[:, -border:] = _OUT_OF_ROI
    instance_ids[:border] = _OUT_OF_ROI
    image[-border:] = 0
    instance_ids[-border:] = _RECTIFICATION_BORDER


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the picture as a camera would take it: soft, tinted, noisy; uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    sigma = 0.35 + 0.25 * height / 1024
    photo = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32)
    photo *= rng.uniform(0.92, 1.06, 3).astype(np.float32) * np.float32(rng.uniform(0.85, 1.12))
    tile = noise_tile(rng)[: min(height, 1024), : min(width, 1024)]
    light = cv2.resize(tile[:64, :64], (width, height), interpolation=cv2.INTER_LINEAR)
    photo *= (1 + 0.05 * light)[..., None]
    grain = rng.standard_normal((256, 256, 3), np.float32) * np.float32(rng.uniform(1.5, 3.5))
    repeats = (-(-height // 256), -(-width // 256), 1)
    photo += np.tile(grain, repeats)[:height, :width]
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)
