"""What both networks say about an image: in full, and in each region of interest (paper 4.3)."""

from collections.abc import Hashable, Sequence

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

    def predict(
        self, image: np.ndarray, said: dict[Hashable, np.ndarray] | None = None
    ) -> ImagePrediction:
        """Returns the logits of an image and of its regions.

        Args:
          image: uint8 RGB [H, W, 3].
          said: What the same networks have said about parts of this image already, perhaps under
            another configuration; they are not run on these again, and new ones are added.

        Returns:
          The prediction.
        """
        height, width = image.shape[:2]
        config = self._config
        said = {} if said is None else said
        pixels = tf.constant(image, tf.float32)
        # Larger inputs than 1024x2048 would be cut into tiles inside `_logits`.
        (full,) = self._logits(
            self._semantic, {"full": pixels}, config.semantic_flip, min_side=0, said=said
        )
        regions = regions_lib.find_regions(
            full, (height, width), self._groups, config, stride=self._semantic.output_stride
        )
        sizes = [regions_lib.zoomed_size(region, config) for region in regions]
        places = [(region.box, size) for region, size in zip(regions, sizes, strict=True)]
        crops = {
            (box, size): tf.image.resize(_cut(pixels, box), size, method="bilinear")
            for box, size in dict.fromkeys(places)  # Two super-classes may have the same box.
        }
        side = config.crop_size
        semantic = dict(
            zip(
                crops,
                self._logits(self._semantic, crops, config.semantic_flip, side, said),
                strict=True,
            )
        )
        affinity = dict(
            zip(
                crops,
                self._logits(self._affinity, crops, config.affinity_flip, side, said),
                strict=True,
            )
        )
        return ImagePrediction(
            height=height,
            width=width,
            semantic_stride=self._semantic.output_stride,
            affinity_stride=self._affinity.output_stride,
            distances=tuple(self._affinity.distances),
            semantic_logits=full.astype(np.float16),
            regions=[
                RegionPrediction(
                    region,
                    place[1],
                    semantic[place].astype(np.float16),
                    affinity[place].astype(np.float16),
                )
                for region, place in zip(regions, places, strict=True)
            ],
        )

    def _logits(
        self,
        network: Network,
        crops: dict[Hashable, tf.Tensor],
        flip: bool,
        min_side: int,
        said: dict[Hashable, np.ndarray],
    ) -> list[np.ndarray]:
        """Returns the logits of each crop, float32 [F, h, w, C].

        Args:
          network: The network.
          crops: float32 RGB 0..255 [H, W, 3], of any sizes, by what tells them apart.
          flip: Whether the mirrored crop is run as well.
          min_side: Smaller crops are padded to it at the bottom and right with zeros.
          said: As in `predict`; float32 [h, w, C] by network, crop and flip.
        """
        flips = (False, True) if flip else (False,)
        views = {}
        for key, crop in crops.items():
            for mirrored in flips:
                view_key = (network.kind, network.output_stride, min_side, key, mirrored)
                if view_key in said:
                    continue
                normalized = network.normalize(crop[None])[0]
                # Mirrored before it is padded, so the padding stays at the right.
                views[view_key] = _pad(normalized[:, ::-1] if mirrored else normalized, min_side)
        keys = list(views)
        for batch in _batches([tuple(view.shape[:2]) for view in views.values()]):
            logits = network.logits(tf.stack([views[keys[i]] for i in batch])).numpy()
            said.update(zip([keys[i] for i in batch], logits, strict=True))
        return [
            _needed(
                np.stack(
                    [
                        said[network.kind, network.output_stride, min_side, key, mirrored]
                        for mirrored in flips
                    ]
                ),
                crop,
                network.output_stride,
            )
            for key, crop in crops.items()
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
