"""The type of the instances of one image, used from the op to the result files."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.labels import ClassTable


class Instances(NamedTuple):
    """The instances of one image or region, in raster order of their first pixel (paper 3.4).

    Tensors inside a graph, NumPy arrays outside.

    Attributes:
      instance_ids: int32 [H, W], 0 on background, 1..N.
      classes: int32 [N], class index, 1..K-1.
      scores: float32 [N], mean of the edges inside the instance, 0..1; None for ground truth.
      sizes: int64 [N], pixels; None if they were not counted.
      boxes: int32 [N, 4], (y0, x0, y1, x1), ends exclusive, pixels; None if not computed.
      votes: int64 [N, K], pixels that voted for each class, counted at the zoom of the region;
        column 0 is 0. None if they were not counted.
      class_table: The classes; None if the caller has them anyway.
    """

    instance_ids: Any
    classes: Any
    scores: Any
    sizes: Any = None
    boxes: Any = None
    votes: Any = None
    class_table: ClassTable | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each instance's class; needs `class_table`."""
        return tuple(self.class_table.class_names[index] for index in self.classes)

    def as_numpy(self) -> "Instances":
        """Returns the same instances in NumPy arrays."""
        return self._make(v.numpy() if tf.is_tensor(v) else v for v in self)

    def select(self, kept: Any) -> "Instances":
        """Returns the instances where `kept`, bool [N], is True, with consecutive new ids."""
        indices = tf.convert_to_tensor(self.instance_ids) - 1
        found = number(indices, self.classes, self.scores, self.votes, kept=kept)
        return found._replace(class_table=self.class_table)


def number(
    indices: Any, classes: Any, scores: Any, votes: Any = None, *, kept: Any = None
) -> Instances:
    """Drops candidates without a pixel and numbers the others in raster order of their first one.

    Works eagerly and inside `tf.function`.

    Args:
      indices: int32 [H, W], -1 for background, else the index of a candidate.
      classes: int32 [M], class index of each candidate.
      scores: float32 [M], score of each candidate.
      votes: int64 [M, K], votes of each candidate, or None.
      kept: bool [M], which candidates may stay; None: all.

    Returns:
      The instances, tensors.
    """
    with tf.device("CPU:0"):  # Maps of ids come from the C++ op or from files.
        indices = tf.cast(indices, tf.int32)
        height, width = tf.unstack(tf.shape(indices))
        count = tf.shape(classes)[0]
        flat = tf.reshape(indices, [-1])
        flat = tf.where(flat < 0, count, flat)  # The background counts as one more candidate.
        if kept is not None:
            flat = tf.where(tf.gather(tf.concat([kept, [False]], axis=0), flat), flat, count)
        sizes = tf.math.bincount(flat, minlength=count + 1, dtype=tf.int64)[:count]
        first = tf.math.unsorted_segment_min(tf.range(tf.size(flat)), flat, count + 1)[:count]
        # Candidates without a pixel come last: their "first pixel" is the largest integer.
        found = tf.argsort(first, stable=True)[: tf.math.count_nonzero(sizes, dtype=tf.int32)]
        numbers = tf.scatter_nd(found[:, None], 1 + tf.range(tf.size(found)), [count + 1])
        ids = tf.reshape(tf.gather(numbers, flat), [height, width])
        return Instances(
            instance_ids=ids,
            classes=tf.gather(tf.cast(classes, tf.int32), found),
            scores=tf.gather(tf.cast(scores, tf.float32), found),
            sizes=tf.gather(sizes, found),
            boxes=_boxes(ids, tf.size(found)),
            votes=None if votes is None else tf.gather(tf.cast(votes, tf.int64), found),
        )


def overlaps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns intersection and union of each instance of one map with each of another.

    Args:
      first: int32 [H, W], 0 background, 1..N.
      second: int32 [H, W], 0 background, 1..M.

    Returns:
      Two arrays int64 [N, M], pixels.
    """
    rows, columns = int(first.max(initial=0)) + 1, int(second.max(initial=0)) + 1
    pairs = first.astype(np.int64) * columns + second
    counts = np.bincount(pairs.ravel(), minlength=rows * columns).reshape(rows, columns)
    common = counts[1:, 1:]
    union = counts.sum(axis=1)[1:, None] + counts.sum(axis=0)[None, 1:] - common
    return common, union


def _boxes(ids: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the box of each of the ids 1..count, int32 [count, 4]; all of them have pixels."""
    height, width = tf.unstack(tf.shape(ids))
    y = tf.broadcast_to(tf.range(height)[:, None], [height, width])
    x = tf.broadcast_to(tf.range(width), [height, width])
    starts = [tf.math.unsorted_segment_min(v, ids, count + 1)[1:] for v in (y, x)]
    ends = [tf.math.unsorted_segment_max(v, ids, count + 1)[1:] + 1 for v in (y, x)]
    return tf.stack([*starts, *ends], axis=-1)
