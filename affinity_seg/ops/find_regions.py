"""Python face of the C++ op FindRegions (paper 4.1, 4.3, 4.5)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from affinity_seg.ops import arguments
from affinity_seg.ops.loader import load_library


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
    *,
    groups: Sequence[int] | None = None,
    partition: bool = True,
    cell_size: int = 32,
    growth: int = 16,
    stride: int = 1,
    from_logits: bool = True,
) -> FoundRegions:
    """Finds the regions of interest of one image.

    Works eagerly and inside `tf.function`.

    Args:
      semantic: [F, h, w, K], float32, bfloat16 or float16: logits, background first; if F is
        2, the second are of the mirrored image and the probabilities of both are averaged.
      size: int32 [2], height and width of the image, pixels.
      groups: Super-class of each class, 0 for the background (4.5). None: the paper's for
        K = 9, else a single group.
      partition: Whether the foreground is cut by super-class. A pixel belongs to that of the
        largest summed probability, a tie to the lower; without, to the foreground if a
        class has more than the background.
      cell_size: Side of a cell, pixels: a cell is foreground if any of its pixels is.
      growth: How far the 8-connected regions of cells grow, pixels.
      stride: Pixels per logit, as in `graph_merge_from_logits`.
      from_logits: False: `semantic` are probabilities; F and `stride` must be 1.

    Returns:
      `FoundRegions`.

    Raises:
      TypeError: An argument has the wrong type; the message names it.
      tf.errors.InvalidArgumentError: An argument, or the shape or values of a tensor, breaks a
        rule; the message names it.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    arguments.check_given(semantic=semantic, size=size)
    semantic = tf.convert_to_tensor(semantic)
    try:
        options = arguments.checked_region_options(
            None if semantic.shape.rank is None else tuple(semantic.shape),
            groups=groups,
            partition=partition,
            cell_size=cell_size,
            growth=growth,
            stride=stride,
            from_logits=from_logits,
        )
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
    return FoundRegions(
        *load_library().find_regions(
            semantic=semantic, size=tf.convert_to_tensor(size, tf.int32), **options
        )
    )
