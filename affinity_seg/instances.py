"""The type of the instances of one image, used from the op to the result files."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from affinity_seg.labels import ClassTable

Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), ends exclusive, pixels."""

_LISTED_CLASSES = 5
"""How many classes the text of `Instances` names."""


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

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image, pixels; of instances in NumPy."""
        return self.instance_ids.shape

    def __repr__(self) -> str:
        """Says how many there are of each class, not what each pixel is: for a notebook."""
        found = self.as_numpy() if hasattr(self.instance_ids, "numpy") else self
        if not isinstance(found.instance_ids, np.ndarray) or found.instance_ids.ndim != 2:
            return f"Instances{tuple(self)}"  # Inside a graph.
        height, width = found.size
        numbers, counts = np.unique(found.classes, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        known = None if self.class_table is None else self.class_table.class_names
        named = [f"class {n}" if known is None else known[n] for n in numbers[order]]
        listed = [f"{count} {name}" for count, name in zip(counts[order], named, strict=True)]
        if len(listed) > _LISTED_CLASSES:
            others = counts[order][_LISTED_CLASSES:].sum()
            listed = [*listed[:_LISTED_CLASSES], f"{others} of other classes"]
        text = f"{len(found.classes)} in {height}x{width} pixels"
        return f"Instances({': '.join(filter(None, [text, ', '.join(listed)]))})"

    def as_numpy(self) -> "Instances":
        """Returns the same instances in NumPy arrays."""
        return self._make(v.numpy() if tf.is_tensor(v) else v for v in self)

    def whole(self) -> "Instances":
        """Returns this, as `CroppedInstances.whole` returns the same instances."""
        return self


class CroppedInstances:
    """The instances of one image, each with a mask of its box: for large images.

    As in `Instances`, ids count from 1 in raster order of the first pixels.

    Attributes:
      size: Height and width of the image, pixels.
      classes: As of `Instances`, NumPy; likewise `scores`, `sizes`, `boxes`, `votes` and
        `class_table`.
    """

    def __init__(
        self,
        size: tuple[int, int],
        boxes: np.ndarray,
        masks: Sequence[bytes],
        classes: np.ndarray,
        scores: np.ndarray,
        votes: np.ndarray | None = None,
        class_table: ClassTable | None = None,
    ):
        """Takes the instances and sorts them by their first pixels, in raster order.

        Args:
          size: Height and width of the image, pixels.
          boxes: int32 [N, 4].
          masks: The mask of each box, by `packed`; not empty.
          classes: int32 [N].
          scores: float32 [N].
          votes: int64 [N, K] or None.
          class_table: The classes, or None.
        """
        boxes = np.asarray(boxes, np.int32).reshape(-1, 4)
        first = [unpacked(mask, box)[0].argmax() for mask, box in zip(masks, boxes, strict=True)]
        order = np.lexsort([boxes[:, 1] + np.array(first, np.int64), boxes[:, 0]])
        self.size = size
        self.boxes = boxes[order]
        self._masks = [masks[index] for index in order]
        self.classes = np.asarray(classes, np.int32)[order]
        self.scores = np.asarray(scores, np.float32)[order]
        self.votes = None if votes is None else votes[order]
        self.class_table = class_table
        counts = (np.count_nonzero(self.mask(number)) for number in range(1, len(order) + 1))
        self.sizes = np.fromiter(counts, np.int64, len(order))

    def mask(self, number: int) -> np.ndarray:
        """Returns the mask of an instance, bool, as large as its box.

        Args:
          number: Its id.
        """
        return unpacked(self._masks[number - 1], self.boxes[number - 1])

    def ids(self, box: Box) -> np.ndarray:
        """Returns a part of the map of ids, int32 [h, w], 0 on background."""
        found = np.zeros((box[2] - box[0], box[3] - box[1]), np.int32)
        starts, ends = np.array(box[:2]), np.array(box[2:])
        inside = (self.boxes[:, :2] < ends) & (self.boxes[:, 2:] > starts)
        for index in np.flatnonzero(inside.all(axis=1)):
            y0, x0, y1, x1 = self.boxes[index].tolist()
            (top, left), (bottom, right) = (
                np.maximum(starts, (y0, x0)).tolist(),
                np.minimum(ends, (y1, x1)).tolist(),
            )
            mask = self.mask(index + 1)[top - y0 : bottom - y0, left - x0 : right - x0]
            area = found[top - box[0] : bottom - box[0], left - box[1] : right - box[1]]
            area[mask] = index + 1
        return found

    def whole(self) -> Instances:
        """Returns the same instances with a map of ids as large as the image."""
        return Instances(
            self.ids((0, 0, *self.size)),
            self.classes,
            self.scores,
            self.sizes,
            self.boxes,
            self.votes,
            self.class_table,
        )


def crop(instances: Instances) -> CroppedInstances:
    """Returns instances, in NumPy and with boxes, with a mask of its box for each."""
    masks = [
        packed(instances.instance_ids[y0:y1, x0:x1] == number)
        for number, (y0, x0, y1, x1) in enumerate(instances.boxes.tolist(), start=1)
    ]
    return CroppedInstances(
        instances.instance_ids.shape,
        instances.boxes,
        masks,
        instances.classes,
        instances.scores,
        instances.votes,
        instances.class_table,
    )


def box_around(mask: np.ndarray) -> Box:
    """Returns the smallest box around a mask, bool [H, W]; of an empty mask (0, 0, 0, 0)."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def packed(mask: np.ndarray) -> bytes:
    """Returns a mask, bool, with eight pixels in each byte."""
    return np.packbits(mask).tobytes()


def unpacked(mask: bytes, box: Sequence[int]) -> np.ndarray:
    """Returns what `packed` was given, the mask of a box."""
    y0, x0, y1, x1 = box
    pixels = (y1 - y0) * (x1 - x0)
    bits = np.unpackbits(np.frombuffer(mask, np.uint8), count=pixels)
    return bits.reshape(y1 - y0, x1 - x0).astype(bool)


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
