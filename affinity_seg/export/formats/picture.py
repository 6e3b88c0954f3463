"""A picture and its instances, as all formats take them."""

import dataclasses
import functools
from typing import Any

import numpy as np

from affinity_seg import instances as instances_lib
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.evaluation import coco_format
from affinity_seg.export import outlines
from affinity_seg.instances import Box, CroppedInstances, Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


@dataclasses.dataclass(frozen=True)
class SegmentedPicture:
    """A picture and its instances.

    Formats read parts of the picture, and the masks of `cropped`, so that they can hold pictures
    that are larger than the memory.

    Attributes:
      name: First part of the names of its files.
      filename: Name of the picture's own file.
      image: The picture, of which parts can be read.
      instances: Its instances, in NumPy, with scores, sizes and boxes.
      class_table: The classes.
      candidates: See `segmentation.describe_image`.
      pixel_size: Width and height of a pixel, micrometres; None: unknown.
    """

    name: str
    filename: str
    image: WindowedPicture
    instances: Instances | CroppedInstances
    class_table: ClassTable
    candidates: Candidates | None = None
    pixel_size: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.instances.size

    @functools.cached_property
    def cropped(self) -> CroppedInstances:
        """The instances, each with a mask of its box."""
        if isinstance(self.instances, CroppedInstances):
            return self.instances
        return instances_lib.crop(self.instances)

    def intensities(self, box: Box) -> np.ndarray:
        """Returns what is measured of a part, [h, w, C]: the file's values, three times if grey.

        If channels were chosen to be segmented, all channels of the file are measured.
        """
        values = self.image.read_values(box)
        return np.repeat(values, len("RGB"), axis=2) if values.shape[2] == 1 else values

    @functools.cached_property
    def polygons(self) -> list[list[outlines.Polygon]]:
        """The outlines of each instance."""
        return outlines.trace_instances(self.cropped)

    @functools.cached_property
    def run_lengths(self) -> list[dict[str, Any]]:
        """The mask of each instance as COCO run lengths."""
        cropped = self.cropped
        return [
            coco_format.cropped_run_lengths(cropped.mask(number), box, self.size)
            for number, box in enumerate(cropped.boxes.tolist(), start=1)
        ]

    @property
    def class_names(self) -> list[str]:
        """The name of each instance's class."""
        return [self.class_table.class_names[index] for index in self.instances.classes]
