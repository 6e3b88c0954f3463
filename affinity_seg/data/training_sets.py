"""The sets of images that the paper trains on (section 5, algorithm.md 8).

From the fine images and the coarse ones of Cityscapes come four sets:

`fine`, `coarse`: the images, most of them without the rows at the top and bottom in which no
  foreground is labelled.
`fine_patches`: the images of `fine`, and upsampled crops around their small instances.
`coarse_patches`: patches around the rare classes of the coarse images.

`training_set_settings` holds the numbers.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import tqdm

from affinity_seg import grids, labels
from affinity_seg.data import checks, truth_files
from affinity_seg.data.items import Item
from affinity_seg.data.training_set_settings import Settings
from affinity_seg.rejected_inputs import RejectedInputs


class Crop(NamedTuple):
    """A part of an image.

    Attributes:
      name: Name of the image.
      box: (y0, x0, y1, x1), ends exclusive, pixels.
      zoom: Factor that it is upsampled by.
    """

    name: str
    box: tuple[int, int, int, int]
    zoom: int


class TrainingSet(NamedTuple):
    """A set before it is written.

    Attributes:
      count: Number of examples.
      examples: The examples, which are read and cut when iterated.
    """

    count: int
    examples: Iterator[checks.CheckedItem]


def build(
    name: str,
    items: Sequence[Item],
    class_table: labels.ClassTable,
    settings: Settings,
    rejected: RejectedInputs | None = None,
) -> TrainingSet:
    """Returns a set. For sets of patches it reads all ground truth, to choose the crops.

    Args:
      name: One of `SETS`.
      items: Labelled images, the fine or the coarse ones.
      class_table: The classes.
      settings: How images become the set.
      rejected: Lists the images that cannot be used; without it, the first of them is raised.
    """
    rejected = RejectedInputs(strict=True) if rejected is None else rejected
    crops = []
    if has_crops(name):
        progress = tqdm.tqdm(items, unit="image", desc="instances", disable=None)
        for item in progress:
            with rejected.listed(item.name, item.image_path):
                crops += crops_of_image(name, item, class_table, settings)
    parts = plan(name, [item for item in items if item.name not in rejected], crops, settings)
    return TrainingSet(len(parts), examples(parts, class_table, settings, rejected))


def has_crops(name: str) -> bool:
    """Returns whether a set has patches."""
    return name.endswith("_patches")


def crops_of_image(
    name: str, item: Item, class_table: labels.ClassTable, settings: Settings
) -> list[Crop]:
    """Returns the crops around the instances of an image that a set of patches may have."""
    around = _around_small if name == "fine_patches" else _around_rare
    stored = truth_files.read(item, class_table).values
    classes, instances = class_table.decode(stored)
    crops = []
    for value in np.unique(instances[instances > 0]):
        rows, columns = np.nonzero(instances == value)
        box = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        class_name = class_table.class_names[int(classes[rows[0], columns[0]])]
        crops += around(item.name, box, stored.shape, class_name, settings)
    return crops


def plan(
    name: str, items: Sequence[Item], crops: Iterable[Crop], settings: Settings
) -> list[tuple[Item, Crop | None]]:
    """Returns the parts of images that make up a set, in their order; None for a whole image.

    Args:
      name: One of `SETS`.
      items: The images.
      crops: The results of `crops_of_image` for all images, in any order.
      settings: Gives how many of the crops are drawn at random.
    """
    with_whole = name != "coarse_patches"
    most = settings.num_coarse_patches
    if with_whole:
        most = max(0, settings.num_fine_patches - len(items))
    chosen: dict[str, list[Crop]] = {}
    for crop in _draw_crops(crops, most, settings.seed):
        chosen.setdefault(crop.name, []).append(crop)
    whole = [None] if with_whole else []
    return [(item, part) for item in items for part in [*whole, *chosen.get(item.name, [])]]


class OpenedImage:
    """An image whose parts are cut."""

    def __init__(self, item: Item, class_table: labels.ClassTable, settings: Settings):
        """Reads and checks image and truth, with the errors of `checks.read_item`."""
        self.item = item
        self._checked = checks.read_item(item, class_table)
        self._class_table = class_table
        self._settings = settings

    def cut(self, part: Crop | None) -> checks.CheckedItem:
        """Returns a part of the image; None: the whole image, perhaps without its empty rows."""
        if part is None:
            return self._whole()
        (y0, x0, y1, x1), zoom = part.box, part.zoom
        item = self.item._replace(filename=f"{self.item.filename}#{y0},{x0},{y1},{x1}x{zoom}")
        checked = self._checked
        pixels = checked.image[y0:y1, x0:x1], checked.instances[y0:y1, x0:x1]
        zoomed = _zoomed(*pixels, self._settings, zoom)
        return checks.from_arrays(item, *zoomed, self._class_table, checked.shapes)

    def _whole(self) -> checks.CheckedItem:
        checked = self._checked
        if _draw(self._settings.seed, self.item.name) >= self._settings.drop_share:
            return checked
        rows = labelled_rows(self._class_table.decode(checked.instances)[0])
        return checks.from_arrays(
            self.item,
            checked.image[rows],
            checked.instances[rows],
            self._class_table,
            checked.shapes,
        )


def labelled_rows(classes: np.ndarray) -> slice:
    """Returns the rows from the first to the last with labelled foreground; all if there is none.

    Args:
      classes: int32 [H, W], class index, `labels.VOID_CLASS` where void.
    """
    is_foreground = (classes > 0) & (classes != labels.VOID_CLASS)
    rows = np.flatnonzero(is_foreground.any(axis=1))
    return slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, len(classes))


def _around_small(
    name: str, box: np.ndarray, size: tuple[int, int], class_name: str, settings: Settings
) -> list[Crop]:
    """Returns the upsampled crops around an instance, if it is low enough."""
    del class_name
    if box[2] - box[0] >= settings.small_height:
        return []
    sides = {zoom: -(-settings.patch_size // zoom) for zoom in settings.zooms}
    return [Crop(name, _window(box, (s, s), size), zoom) for zoom, s in sides.items()]


def _around_rare(
    name: str, box: np.ndarray, size: tuple[int, int], class_name: str, settings: Settings
) -> list[Crop]:
    """Returns the patch around an instance, if it is of a rare class."""
    if class_name not in settings.coarse_classes:
        return []
    sides = np.maximum(box[2:] - box[:2] + 2 * settings.coarse_margin, settings.patch_size)
    return [Crop(name, _window(box, tuple(sides), size), 1)]


def _draw_crops(crops: Iterable[Crop], most: int, seed: int) -> list[Crop]:
    """Returns at most `most` of the crops, drawn at random, sorted."""
    candidates = sorted(set(crops))  # Instances at a border may share a crop.
    if len(candidates) <= most:
        return candidates
    drawn = np.random.default_rng(seed).permutation(len(candidates))[:most]
    return [candidates[i] for i in sorted(drawn)]


def examples(
    parts: Iterable[tuple[Item, Crop | None]],
    class_table: labels.ClassTable,
    settings: Settings,
    rejected: RejectedInputs | None = None,
) -> Iterator[checks.CheckedItem]:
    """Yields parts of images, see `plan`; an image is read once if its parts follow each other.

    Args:
      parts: Images and what is cut out of them; None for the whole image.
      class_table: The classes.
      settings: How images become the set.
      rejected: Lists the images that cannot be used; without it, the first of them is raised.
    """
    rejected = RejectedInputs(strict=True) if rejected is None else rejected
    opened = None
    for item, part in parts:
        if opened is None or opened.item != item:
            with rejected.listed(item.name, item.image_path):
                opened = OpenedImage(item, class_table, settings)
        if item.name not in rejected:
            yield opened.cut(part)


def _zoomed(
    image: np.ndarray, stored: np.ndarray, settings: Settings, zoom: int
) -> tuple[np.ndarray, np.ndarray]:
    """Upsamples an image bilinearly and its labels by area."""
    if zoom == 1:
        return image, stored
    height, width = (min(settings.patch_size, zoom * side) for side in stored.shape)
    large = grids.ids_by_area(stored, height, width).numpy()
    return (
        cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR),
        large.astype(stored.dtype),
    )


def _window(
    box: np.ndarray, sides: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Returns a window of at most `sides` around the middle of a box, moved into the image."""
    sides = np.minimum(sides, size)
    start = np.clip((box[:2] + box[2:] - sides) // 2, 0, np.subtract(size, sides))
    return tuple(int(v) for v in (*start, *(start + sides)))


def _draw(seed: int, name: str) -> float:
    """Returns a number in [0, 1) that depends on the seed and the name only."""
    return float(np.random.default_rng([seed, zlib.crc32(name.encode())]).random())
