"""Regions of interest, which may hold instances, and their zoom (paper 4.1, 4.3, 4.5)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from affinity_seg import ops
from affinity_seg.configs.inference import AUTO_ZOOM, InferenceConfig


class Region(NamedTuple):
    """A region of interest. Tensors inside a graph, NumPy arrays outside.

    Attributes:
      group: Super-class whose instances it holds; 0: any.
      box: (y0, x0, y1, x1), ends exclusive, pixels of the image.
      mask: bool [y1 - y0, x1 - x0], the grown region.
    """

    group: Any
    box: Any
    mask: Any

    def as_numpy(self) -> "Region":
        """Returns the same region outside of TensorFlow, the box as a tuple."""
        return Region(int(self.group), tuple(self.box.numpy().tolist()), self.mask.numpy())


def find_regions(
    semantic: Any,
    size: tuple[int, int] | tf.Tensor,
    groups: Sequence[int],
    config: InferenceConfig,
    *,
    stride: int = 1,
    from_logits: bool = True,
) -> ops.FoundRegions:
    """Finds the regions of interest of an image, with the C++ op.

    With partition, a pixel belongs to the super-class that wins by summed probabilities;
    without, to the foreground if its winning class is not background. Cells with such a
    pixel form 8-connected regions, ordered by super-class, then by the raster order of
    their first cell; each is grown and clipped to the image.

    Args:
      semantic: float [F, h, w, K], semantic logits of the full image; if F is 2, the second
        are of the mirrored image.
      size: Height and width of the image, pixels.
      groups: Super-class of each class.
      config: Fields of the regions of interest; `config.regions` is True.
      stride: Pixels per logit.
      from_logits: False: `semantic` are probabilities, F and `stride` are 1.
    """
    return ops.find_regions(
        semantic,
        size,
        config,
        groups=groups,
        stride=stride,
        from_logits=from_logits,
    )


def region(found: ops.FoundRegions, index: int | tf.Tensor) -> Region:
    """Returns one of the regions of `find_regions`."""
    box = found.boxes[index]
    mask = found.masks[found.mask_splits[index] : found.mask_splits[index + 1]]
    return Region(found.groups[index], box, tf.reshape(mask, [box[2] - box[0], box[3] - box[1]]))


def whole_image(size: tf.Tensor, groups: Sequence[int], config: InferenceConfig) -> list[Region]:
    """Returns the regions without `config.regions`: the whole image for each super-class.

    With partition there is one for each, else a single one for any.

    Args:
      size: int32 [2], height and width of the image, pixels.
      groups: Super-class of each class.
      config: The configuration.
    """
    wanted = range(1, max(groups) + 1) if config.partition else (0,)
    box, mask = tf.concat([[0, 0], size], axis=0), tf.fill(size, True)
    return [Region(tf.constant(group), box, mask) for group in wanted]


def zoomed_size(sides: Any, config: InferenceConfig, zoom: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the height and width that a region is resized to before the networks (4.3).

    A multiple of the merge window, so that no window of the graph is partial.

    Args:
      sides: int32 [2], height and width of the region's box, pixels.
      config: The configuration.
      zoom: float64 scalar, the zoom; None: that of the height of the box, or 1, by `config.zoom`.

    Returns:
      int32 [2], pixels.
    """
    sides = tf.cast(sides, tf.float64)
    if zoom is None:
        zoom = tf.constant(1.0, tf.float64)
        if config.zoom == "box_height":
            zoom = config.crop_size / sides[0]
            zoom = tf.minimum(tf.maximum(zoom, config.min_zoom), config.max_zoom)
    size = tf.maximum(1, tf.cast(tf.floor(sides * zoom + 0.5), tf.int32))
    return -(-size // config.merge_window) * config.merge_window


def whole_zoomed_size(
    size: tuple[int, int], config: InferenceConfig, auto_zoom: float
) -> tuple[int, int]:
    """Returns the height and width that a whole image is resized to before the networks; eager.

    Args:
      size: Height and width of the image, pixels.
      config: The configuration; `config.regions` is False.
      auto_zoom: The zoom with `zoom: auto`, see `pipeline.zooming`.
    """
    zoom = tf.constant(auto_zoom, tf.float64) if config.zoom == AUTO_ZOOM else None
    return tuple(zoomed_size(tf.constant(size), config, zoom).numpy().tolist())


def padded_size(zoomed: tf.Tensor, config: InferenceConfig) -> tf.Tensor:
    """Returns the height and width that a zoomed region is padded to (paper 4.3).

    At least `crop_size`; above it the steps of `bucket` keep the number of shapes small.

    Args:
      zoomed: int32 [2], see `zoomed_size`.
      config: The configuration.

    Returns:
      int32 [2], pixels.
    """
    excess = tf.maximum(0, zoomed - config.crop_size)
    return config.crop_size - (-excess // config.bucket) * config.bucket


def listed(found: ops.FoundRegions) -> list[Region]:
    """Returns the regions of `find_regions` in NumPy."""
    return [region(found, i).as_numpy() for i in range(len(found.groups))]
