"""Measures a labelled data set: what the choices of a plan depend on."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np

from affinity_seg import labels
from affinity_seg.data import mask_checks, pictures
from affinity_seg.data.checks import CheckedItem
from affinity_seg.data.items import Item
from affinity_seg.fitting import upright

MAX_IMAGES = 300
"""Images that are measured, spread evenly; more would hardly change a median."""

STRETCH = (1.0, 99.8)
"""Percentiles between which the range of an image's brightness is measured. Where a plan stretches
the contrast, they become 0 and 255."""

_SEVERAL = 3
"""Objects that an image must have for the spread of their diameters."""

_FILES = 10
"""Images whose files are read once more, for the depth of their values."""

_GREY_DIFFERENCE = 4
"""The channels of a pixel of a grey picture differ by no more than this, 0..255."""


class Survey(NamedTuple):
    """Measures of a data set. Diameters are those of a disc of the object's area, pixels.

    Attributes:
      images: Images that were measured.
      empty_images: Those of them without an object.
      objects: Objects in them.
      instances_of_class: Objects of each class index but 0.
      share_of_class: Share of the pixels of each class index, void left out.
      diameter: Median over the images of the median diameter of an image.
      diameter_low, diameter_high: 5th and 95th percentile of these medians.
      spread_between: 90th percentile of these medians as a multiple of the 10th.
      spread_within: Median over the images of the same ratio of the diameters in one image.
      length: 95th percentile of the longer side of the objects' boxes, as a multiple of the median
        diameter of the image.
      width: Median over the objects of the diameter of the largest disc inside.
      contacts: Share of the objects that touch another one.
      parts: Share of the objects that consist of several parts.
      height, width_of_image: Median size of an image.
      longest_side: Longest side of all images.
      is_grey: Whether all images are grey.
      channels: Channels of an image; 3 for grey and RGB.
      bits: Most bits of a value in the files of the first `_FILES` images; 8 for truth values.
      is_bright: Share of the images whose objects are brighter than their background.
      brightness_least, brightness_low, brightness_high: Least, 5th and 95th percentile over the
        images of the range of brightness of an image, see `STRETCH`, 0..255.
      upright: The evidence about up and down, see `upright.Evidence`.
    """

    images: int
    empty_images: int
    objects: int
    instances_of_class: list[int]
    share_of_class: list[float]
    diameter: float
    diameter_low: float
    diameter_high: float
    spread_between: float
    spread_within: float
    length: float
    width: float
    contacts: float
    parts: float
    height: int
    width_of_image: int
    longest_side: int
    is_grey: bool
    channels: int
    bits: int
    is_bright: float
    brightness_least: float
    brightness_low: float
    brightness_high: float
    upright: upright.Evidence

    @property
    def foreground(self) -> float:
        """Share of the pixels that show an object."""
        return 1 - self.share_of_class[0]

    def as_dict(self) -> dict[str, Any]:
        """Returns the measures for JSON."""
        return {**self._asdict(), "upright": self.upright._asdict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Survey":
        """Returns the measures that `as_dict` returned; leaves out those of an older version."""
        known = {name: values[name] for name in cls._fields}
        return cls(**{**known, "upright": upright.Evidence(**values["upright"])})


class _Objects(NamedTuple):
    """The objects of one image, one entry each: ids and arrays [N]."""

    areas: np.ndarray
    sides: np.ndarray
    widths: np.ndarray
    touching: np.ndarray
    parts: np.ndarray


class _Image(NamedTuple):
    """The measures of one image; `is_bright` is None without objects or background."""

    objects: _Objects
    size: tuple[int, int]
    range: float
    is_bright: bool | None
    is_grey: bool
    channels: int
    bits: int


def measure(checked: Iterable[CheckedItem], class_table: labels.ClassTable) -> Survey:
    """Measures a data set.

    Args:
      checked: Its images, or about `MAX_IMAGES` of them.
      class_table: The classes.

    Raises:
      ValueError: There is no object in any image.
    """
    images: list[_Image] = []
    pixels, instances = Counter(), Counter()
    balance = upright.Balance()
    for one in checked:
        classes, numbers = class_table.decode(one.instances)
        ids, brightness = np.maximum(numbers, 0), one.image.mean(axis=2)
        low, high = np.percentile(brightness, STRETCH)
        inside, outside = brightness[ids > 0], brightness[classes == 0]
        both = len(inside) and len(outside)
        images.append(
            _Image(
                objects=_objects(ids),
                size=ids.shape,
                range=float(high - low),
                is_bright=bool(np.mean(inside) > np.mean(outside)) if both else None,
                is_grey=_is_grey(one.image),
                channels=one.image.shape[2],
                bits=_bits(one.item) if len(images) < _FILES else 8,
            )
        )
        pixels.update(one.pixels_of_class)
        instances.update(one.instances_of_class)
        balance.add(brightness, ids)
    if not any(len(one.objects.areas) for one in images):
        raise ValueError(f"`input` must have images with objects: {len(images)} images have none")
    counted = sum(count for index, count in pixels.items() if index != labels.VOID_CLASS)
    return Survey(
        images=len(images),
        instances_of_class=[instances[k] for k in range(1, class_table.num_classes)],
        share_of_class=[pixels[k] / max(counted, 1) for k in range(class_table.num_classes)],
        upright=balance.evidence(),
        **_of_objects([one.objects for one in images if len(one.objects.areas)], len(images)),
        **_of_images(images),
    )


def _of_objects(found: list[_Objects], num_images: int) -> dict[str, Any]:
    """Returns the measures of the objects, from those of each image that has any."""
    diameters = [np.sqrt(4 / math.pi * one.areas) for one in found]
    medians = np.array([np.median(one) for one in diameters])
    several = [_ratio(one) for one in diameters if len(one) >= _SEVERAL]
    everything = _Objects(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
    lengths = [one.sides / middle for one, middle in zip(found, medians, strict=True)]
    return {
        "empty_images": num_images - len(found),
        "objects": len(everything.areas),
        "diameter": float(np.median(medians)),
        "diameter_low": float(np.percentile(medians, 5)),
        "diameter_high": float(np.percentile(medians, 95)),
        "spread_between": _ratio(medians),
        "spread_within": float(np.median(several)) if several else 1.0,
        "length": float(np.percentile(np.concatenate(lengths), 95)),
        "width": float(np.median(everything.widths)),
        "contacts": float(np.mean(everything.touching)),
        "parts": float(np.mean(everything.parts > 1)),
    }


def _of_images(images: list[_Image]) -> dict[str, Any]:
    """Returns the measures of sizes, brightness and files."""
    sides = np.array([one.size for one in images])
    ranges = [one.range for one in images]
    bright = [one.is_bright for one in images if one.is_bright is not None]
    return {
        "height": int(np.median(sides[:, 0])),
        "width_of_image": int(np.median(sides[:, 1])),
        "longest_side": int(sides.max()),
        "is_grey": all(one.is_grey for one in images),
        "channels": images[0].channels,
        "bits": max(one.bits for one in images),
        "is_bright": float(np.mean(bright)) if bright else 1.0,
        "brightness_least": min(ranges),
        "brightness_low": float(np.percentile(ranges, 5)),
        "brightness_high": float(np.percentile(ranges, 95)),
    }


def _bits(item: Item) -> int:
    """Returns the bits of a value in the file of an image."""
    return 8 * pictures.read_values(item.image_path, choice=item.choice).dtype.itemsize


def _ratio(values: np.ndarray) -> float:
    """Returns the 90th percentile as a multiple of the 10th."""
    low, high = np.percentile(values, (10, 90))
    return float(high / low)


def _is_grey(image: np.ndarray) -> bool:
    spread = image.max(axis=2).astype(np.int16) - image.min(axis=2)
    return bool(np.percentile(spread, 99) <= _GREY_DIFFERENCE)


def _objects(ids: np.ndarray) -> _Objects:
    """Measures the objects of an image, int32 [H, W], 0 outside of them."""
    values, numbers = np.unique(ids, return_inverse=True)
    numbers = numbers.reshape(ids.shape) + int(values[0] != 0)
    count = int(numbers.max())
    areas = np.bincount(numbers.ravel(), minlength=count + 1)[1:].astype(float)
    touching = np.zeros(count + 1, bool)
    for one, other in (
        (numbers[1:], numbers[:-1]),
        (numbers[:, 1:], numbers[:, :-1]),
        (numbers[1:, 1:], numbers[:-1, :-1]),
        (numbers[1:, :-1], numbers[:-1, 1:]),
    ):
        border = (one != other) & (one > 0) & (other > 0)
        touching[one[border]] = touching[other[border]] = True
    sides, widths, parts = (np.zeros(count) for _ in range(3))
    for index, box in enumerate(mask_checks.boxes_of(numbers)[1]):
        mask = np.pad((numbers[box] == index + 1).astype(np.uint8), 1)
        sides[index] = max(mask.shape) - 2
        widths[index] = 2 * cv2.distanceTransform(mask, cv2.DIST_L2, 3).max()
        parts[index] = mask_checks.count_parts(mask)
    return _Objects(areas, sides, widths, touching[1:], parts)
