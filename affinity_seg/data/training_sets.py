"""The sets of images that the paper trains on (section 5, algorithm.md 8).

From the fine images and the coarse ones of Cityscapes come four sets:

`fine`, `coarse`: the images, most of them without the rows at the top and bottom in which no
  foreground is labelled.
`fine_patches`: the images of `fine`, and upsampled crops around small instances of theirs.
`coarse_patches`: patches around the rare classes of the coarse images.

Where the paper is silent, the numbers of `Settings` are ours.
"""

import dataclasses
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import tqdm

from affinity_seg import labels
from affinity_seg.data import checks
from affinity_seg.data.listing import Item
from affinity_seg.dead_letters import DeadLetters

SETS = ("fine", "coarse", "fine_patches", "coarse_patches")
PAPER_COUNTS = {"fine": 2975, "coarse": 19998, "fine_patches": 14178, "coarse_patches": 1554}
"""Images of each set: of Cityscapes' train and train_extra, and of the paper's patches."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How images become the sets.

    Attributes:
      seed: Of all random choices.
      drop_share: Share of the images that lose their rows without labelled foreground.
      num_fine_patches: Size of `fine_patches`, as far as there are instances; the paper's 14178.
      small_height: Upsampled crops are cut around instances lower than this, pixels.
      zooms: Factors of the upsampled crops; each instance may give one with each factor.
      patch_size: Side of an upsampled crop after zooming, and least side of a coarse patch, pixels.
      num_coarse_patches: Most patches in `coarse_patches`; the paper's 1554.
      coarse_classes: Names of the classes that coarse patches are cut around.
      coarse_margin: Least distance of such an instance from the border of its patch, pixels.
    """

    seed: int = 1
    drop_share: float = 0.9
    num_fine_patches: int = PAPER_COUNTS["fine_patches"]
    small_height: int = 128
    zooms: tuple[int, ...] = (2, 4)
    patch_size: int = 513
    num_coarse_patches: int = PAPER_COUNTS["coarse_patches"]
    coarse_classes: tuple[str, ...] = ("truck", "train", "bus")
    coarse_margin: int = 32

    def check(self, class_table: labels.ClassTable) -> None:
        """Raises ValueError if a field breaks a rule."""
        if not 0 <= self.drop_share <= 1:
            raise ValueError(f"`drop_share` must be in [0, 1]: {self.drop_share}")
        for name in ("num_fine_patches", "num_coarse_patches", "coarse_margin"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative: {getattr(self, name)}")
        for name in ("small_height", "patch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be positive: {getattr(self, name)}")
        if not self.zooms or min(self.zooms) < 1:
            raise ValueError(f"`zooms` must be positive: {self.zooms}")
        unknown = set(self.coarse_classes) - set(class_table.class_names[1:])
        if unknown:
            raise ValueError(
                f"`coarse_classes` must be classes of {class_table.name!r}, "
                f"{class_table.class_names[1:]}: {sorted(unknown)}"
            )


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
      examples: They, read and cut one after the other.
    """

    count: int
    examples: Iterator[checks.CheckedItem]


def whole_images(
    items: Sequence[Item],
    class_table: labels.ClassTable,
    settings: Settings,
    letters: DeadLetters | None = None,
) -> TrainingSet:
    """Returns the set `fine` or `coarse` of labelled images.

    Args:
      items: Images with truth.
      class_table: The classes.
      settings: The settings.
      letters: Lists the images that cannot be used; without it, the first of them is raised. The
        same holds for the other sets.
    """
    examples = _examples(items, [], class_table, settings, letters, with_whole=True)
    return TrainingSet(len(items), examples)


def fine_patches(
    items: Sequence[Item],
    class_table: labels.ClassTable,
    settings: Settings,
    letters: DeadLetters | None = None,
) -> TrainingSet:
    """Returns the set `fine_patches`; reads all truth to choose the crops."""

    def crops_around(name: str, box: np.ndarray, size: tuple[int, int], _) -> list[Crop]:
        if box[2] - box[0] >= settings.small_height:
            return []
        sides = {zoom: -(-settings.patch_size // zoom) for zoom in settings.zooms}
        return [Crop(name, _window(box, (s, s), size), zoom) for zoom, s in sides.items()]

    most = max(0, settings.num_fine_patches - len(items))
    crops = _choose(items, crops_around, most, class_table, settings, letters)
    examples = _examples(items, crops, class_table, settings, letters, with_whole=True)
    return TrainingSet(len(items) + len(crops), examples)


def coarse_patches(
    items: Sequence[Item],
    class_table: labels.ClassTable,
    settings: Settings,
    letters: DeadLetters | None = None,
) -> TrainingSet:
    """Returns the set `coarse_patches`; reads all truth to choose the patches."""
    wanted = {class_table.class_names.index(name) for name in settings.coarse_classes}

    def crops_around(name: str, box: np.ndarray, size: tuple[int, int], index: int) -> list[Crop]:
        if index not in wanted:
            return []
        sides = np.maximum(box[2:] - box[:2] + 2 * settings.coarse_margin, settings.patch_size)
        return [Crop(name, _window(box, tuple(sides), size), 1)]

    most = settings.num_coarse_patches
    crops = _choose(items, crops_around, most, class_table, settings, letters)
    examples = _examples(items, crops, class_table, settings, letters, with_whole=False)
    return TrainingSet(len(crops), examples)


def labelled_rows(classes: np.ndarray) -> slice:
    """Returns the rows from the first to the last with labelled foreground; all if there is none.

    Args:
      classes: int32 [H, W], class index, `labels.VOID_CLASS` where void.
    """
    is_foreground = (classes > 0) & (classes != labels.VOID_CLASS)
    rows = np.flatnonzero(is_foreground.any(axis=1))
    return slice(rows[0], rows[-1] + 1) if len(rows) else slice(0, len(classes))


def _choose(
    items: Sequence[Item],
    crops_around: Callable[[str, np.ndarray, tuple[int, int], int], list[Crop]],
    most: int,
    class_table: labels.ClassTable,
    settings: Settings,
    letters: DeadLetters | None,
) -> list[Crop]:
    """Returns at most `most` of the crops around all instances, drawn at random."""
    letters = DeadLetters("", strict=True) if letters is None else letters
    candidates = []
    for item in tqdm.tqdm(items, unit="image", desc="instances", disable=None):
        with letters.listed(item.name, item.image_path):
            stored = checks.read_instances(item.instance_path, class_table)
        if item.name in letters:
            continue
        classes, instances = class_table.decode(stored)
        for value in np.unique(instances[instances > 0]):
            rows, columns = np.nonzero(instances == value)
            box = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
            index = int(classes[rows[0], columns[0]])
            candidates += crops_around(item.name, box, stored.shape, index)
    candidates = sorted(set(candidates))  # Instances at a border may share a crop.
    if len(candidates) <= most:
        return candidates
    drawn = np.random.default_rng(settings.seed).permutation(len(candidates))[:most]
    return [candidates[i] for i in sorted(drawn)]


def _examples(
    items: Sequence[Item],
    crops: Sequence[Crop],
    class_table: labels.ClassTable,
    settings: Settings,
    letters: DeadLetters | None,
    with_whole: bool,
) -> Iterator[checks.CheckedItem]:
    """Yields each image, if wanted, and then its crops."""
    letters = DeadLetters("", strict=True) if letters is None else letters
    crops_of: dict[str, list[Crop]] = {}
    for crop in crops:
        crops_of.setdefault(crop.name, []).append(crop)
    for item in items:
        own = crops_of.get(item.name, [])
        if not (own or with_whole) or item.name in letters:
            continue
        with letters.listed(item.name, item.image_path):
            checked = checks.read_item(item, class_table)
            image = checks.decode_image(checked)
            stored = checks.read_instances(item.instance_path, class_table)
        if item.name in letters:
            continue
        if with_whole:
            if _draw(settings.seed, item.name) < settings.drop_share:
                rows = labelled_rows(class_table.decode(stored)[0])
                yield checks.from_arrays(item, image[rows], stored[rows], class_table)
            else:
                yield checked
        for (y0, x0, y1, x1), zoom in ((crop.box, crop.zoom) for crop in own):
            part = item._replace(filename=f"{item.filename}#{y0},{x0},{y1},{x1}x{zoom}")
            yield checks.from_arrays(
                part,
                *_zoomed(image[y0:y1, x0:x1], stored[y0:y1, x0:x1], settings, zoom),
                class_table,
            )


def _zoomed(
    image: np.ndarray, stored: np.ndarray, settings: Settings, zoom: int
) -> tuple[np.ndarray, np.ndarray]:
    """Upsamples an image bilinearly and its labels to the nearest pixel."""
    if zoom == 1:
        return image, stored
    size = tuple(min(settings.patch_size, zoom * side) for side in image.shape[1::-1])
    return (
        cv2.resize(image, size, interpolation=cv2.INTER_LINEAR),
        cv2.resize(stored, size, interpolation=cv2.INTER_NEAREST_EXACT),
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
