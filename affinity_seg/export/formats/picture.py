"""A picture and its instances, as all formats take them."""

import dataclasses
import functools

import numpy as np

from affinity_seg.export import outlines
from affinity_seg.instances import Instances
from affinity_seg.labels import ClassTable
from affinity_seg.ops import Candidates


@dataclasses.dataclass(frozen=True)
class SegmentedPicture:
    """A picture and its instances.

    Attributes:
      name: First part of the names of its files.
      filename: Name of the picture's own file.
      image: uint8 RGB [H, W, 3], or with other channels [H, W, C].
      instances: Its instances, in NumPy, with scores, sizes and boxes.
      class_table: The classes.
      candidates: See `segmentation.describe_image`.
      values: The values of the picture's file, [H, W, 1 or C], from which `image` was made; None:
        they are those of `image`.
      pixel_size: Width and height of a pixel, micrometres; None: unknown.
    """

    name: str
    filename: str
    image: np.ndarray
    instances: Instances
    class_table: ClassTable
    candidates: Candidates | None = None
    pixel_size: float | None = None
    values: np.ndarray | None = None

    @property
    def intensities(self) -> np.ndarray:
        """What is measured, [H, W, C]: the values of the file, grey in all three channels."""
        if self.values is None:
            return self.image
        return np.broadcast_to(self.values, self.image.shape)

    @functools.cached_property
    def polygons(self) -> list[list[outlines.Polygon]]:
        """The outlines of each instance."""
        return outlines.trace_instances(self.instances)

    @property
    def class_names(self) -> list[str]:
        """The name of each instance's class."""
        return [self.class_table.class_names[index] for index in self.instances.classes]
