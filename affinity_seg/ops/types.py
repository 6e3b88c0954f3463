"""What a graph merge returns; shared by the op and the NumPy reference."""

from typing import Any, NamedTuple


class GraphMergeResult(NamedTuple):
    """Instances of one image or region (paper 3.4).

    Tensors from the op, NumPy arrays from the reference.

    Attributes:
      instance_ids: int32 [H, W], 0 on background, 1..N in raster order of each
        instance's first pixel.
      classes: int32 [N], class index, 1..K-1.
      scores: float32 [N], mean of the edges inside the instance, 0..1.
      sizes: int64 [N], pixels.
      votes: int64 [N, K], pixels that voted for each class; column 0 is 0.
    """

    instance_ids: Any
    classes: Any
    scores: Any
    sizes: Any
    votes: Any
