"""What both networks say about an image: in full, and in each region of interest (paper 4.3)."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.inference import regions as regions_lib
from affinity_seg.inference.predictions import ImagePrediction, RegionPrediction
from affinity_seg.modeling.loading import Network

MAX_BATCH_PIXELS = 513 * 1026
"""Crops of equal padded size run together up to this many pixels, to bound memory."""


class Predictor:
    """Runs both networks as a configuration says."""

    def __init__(self, semantic: Network, affinity: Network, config: InferenceConfig):
        """Checks that networks and configuration fit.

        Args:
          semantic: The semantic network.
          affinity: The affinity network.
          config: Regions, zoom and flips.

        Raises:
          ValueError: They do not fit each other.
        """
        for network, kind in ((semantic, "semantic"), (affinity, "affinity")):
            if network.kind != kind:
                raise ValueError(f"the {kind} network must be of that kind: {network.kind!r}")
        if sum(config.stages) != len(affinity.distances):
            raise ValueError(
                f"`stages` must add up to the {len(affinity.distances)} distances of the "
                f"affinity network: {config.stages}"
            )
        self._groups = config.class_groups(semantic.class_table)
        config.refine_class_indices(semantic.class_table)
        self._semantic = semantic
        self._affinity = affinity
        self._config = config

    def predict(self, image: np.ndarray) -> ImagePrediction:
        """Returns the logits of an image, uint8 RGB [H, W, 3], and of its regions."""
        height, width = image.shape[:2]
        config = self._config
        pixels = tf.constant(image, tf.float32)
        # Larger inputs than 1024x2048 would be cut into tiles inside `_logits`.
        (full,) = self._logits(self._semantic, [pixels], config.semantic_flip, min_side=0)
        regions = regions_lib.find_regions(
            full, (height, width), self._groups, config, stride=self._semantic.output_stride
        )
        sizes = [regions_lib.zoomed_size(region, config) for region in regions]
        crops = [
            tf.image.resize(_cut(pixels, region.box), size, method="bilinear")
            for region, size in zip(regions, sizes, strict=True)
        ]
        side = config.crop_size
        semantic = self._logits(self._semantic, crops, config.semantic_flip, min_side=side)
        affinity = self._logits(self._affinity, crops, config.affinity_flip, min_side=side)
        return ImagePrediction(
            height=height,
            width=width,
            semantic_stride=self._semantic.output_stride,
            affinity_stride=self._affinity.output_stride,
            distances=tuple(self._affinity.distances),
            semantic_logits=full.astype(np.float16),
            regions=[
                RegionPrediction(region, size, s.astype(np.float16), a.astype(np.float16))
                for region, size, s, a in zip(regions, sizes, semantic, affinity, strict=True)
            ],
        )

    def _logits(
        self, network: Network, crops: Sequence[tf.Tensor], flip: bool, min_side: int
    ) -> list[np.ndarray]:
        """Returns the logits of each crop, float32 [F, h, w, C].

        Args:
          network: The network.
          crops: float32 RGB 0..255 [H, W, 3], of any sizes.
          flip: Whether the mirrored crop is run as well.
          min_side: Smaller crops are padded to it at the bottom and right with zeros.
        """
        views = []
        for crop in crops:
            normalized = network.normalize(crop[None])[0]
            views.append(_pad(normalized, min_side))
            if flip:  # Mirrored before it is padded, so the padding stays at the right.
                views.append(_pad(normalized[:, ::-1], min_side))
        outputs: list = [None] * len(views)
        for batch in _batches([tuple(view.shape[:2]) for view in views]):
            logits = network.logits(tf.stack([views[i] for i in batch])).numpy()
            for i, values in zip(batch, logits, strict=True):
                outputs[i] = values
        flips = 2 if flip else 1
        return [
            _needed(np.stack(outputs[flips * i : flips * (i + 1)]), crop, network.output_stride)
            for i, crop in enumerate(crops)
        ]


def _cut(image: tf.Tensor, box: tuple[int, int, int, int]) -> tf.Tensor:
    y0, x0, y1, x1 = box
    return image[y0:y1, x0:x1]


def _pad(image: tf.Tensor, min_side: int) -> tf.Tensor:
    """Pads [H, W, C] with zeros at the bottom and right to at least `min_side`."""
    missing = [max(0, min_side - side) for side in image.shape[:2]]
    return tf.pad(image, [[0, missing[0]], [0, missing[1]], [0, 0]])


def _batches(sizes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Groups indices of equal sizes into batches of at most `MAX_BATCH_PIXELS`."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, size in enumerate(sizes):
        groups.setdefault(size, []).append(i)
    batches = []
    for (height, width), members in groups.items():
        step = max(1, MAX_BATCH_PIXELS // (height * width))
        batches += [members[i : i + step] for i in range(0, len(members), step)]
    return batches


def _needed(logits: np.ndarray, crop: tf.Tensor, stride: int) -> np.ndarray:
    """Cuts [F, h, w, C] to what upsampling to the unpadded crop reads.

    Pixel y lies between logits floor(y / stride) and the next one, which may be one that
    the padding gave.
    """
    rows, columns = ((side - 1) // stride + 2 for side in crop.shape[:2])
    return logits[:, :rows, :columns]
