"""Python face of the C++ op FindRegions (paper 4.1, 4.3, 4.5)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from affinity_seg import fields
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import arguments
from affinity_seg.ops.loader import load_library
from affinity_seg.region_options import RegionOptions


class FoundRegions(NamedTuple):
    """Regions of interest, by super-class, then in raster order of their first cell.

    Attributes:
      groups: int32 [R], super-class of each region; 0 without partition.
      boxes: int32 [R, 4], top, left, bottom, right, ends exclusive, pixels.
      masks: bool [M], the grown regions, each in its box, one after the other.
      mask_splits: int64 [R + 1]: mask r is `masks[mask_splits[r]:mask_splits[r + 1]]`.
    """

    groups: Any
    boxes: Any
    masks: Any
    mask_splits: Any


def find_regions(
    semantic: Any,
    size: Any,
    options: RegionOptions = RegionOptions(),
    *,
    groups: Sequence[int] | None = None,
    stride: int = 1,
    from_logits: bool = True,
) -> FoundRegions:
    """Finds the regions of interest of one image.

    Works eagerly and inside `tf.function`.

    Args:
      semantic: [F, h, w, K], float32, bfloat16 or float16: logits, background first; if F is
        2, the second are of the mirrored image and the probabilities of both are averaged.
      size: int32 [2], height and width of the image, pixels.
      options: Cells, growth and partition.
      groups: Super-class of each class, 0 for the background (4.5); None: as in `MergeOptions`.
      stride: Pixels per logit, as in `graph_merge_from_logits`.
      from_logits: False: `semantic` are probabilities; F and `stride` must be 1.

    Returns:
      `FoundRegions`.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      ValueError: An argument breaks a rule; the message names it.
      tf.errors.InvalidArgumentError: The shape or the values of a tensor break a rule; the message
        names it.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    arguments.check_given(semantic=semantic, size=size)
    arguments.check_class("options", options, RegionOptions)
    semantic = tf.convert_to_tensor(semantic)
    shape = semantic.shape.as_list() if semantic.shape.rank is not None else None
    num_classes = arguments.num_classes(shape, rank=4)
    return FoundRegions(
        *load_library().find_regions(
            semantic=semantic,
            size=tf.convert_to_tensor(size, tf.int32),
            groups=MergeOptions(groups=groups).for_classes(num_classes).groups,
            partition=options.partition,
            cell_size=options.cell_size,
            growth=options.growth,
            stride=arguments.checked_stride("stride", stride),
            from_logits=fields.check_value("from_logits", from_logits, bool),
        )
    )
