"""What both networks say about an image: in full, and in each region of interest (paper 4.3)."""

from collections.abc import Hashable, Sequence

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.inference import regions as regions_lib
from affinity_seg.inference import tiles, timeline
from affinity_seg.inference.predictions import ImagePrediction, RegionPrediction
from affinity_seg.modeling.loading import Network


class Predictor:
    """Runs both networks as a configuration says."""

    def __init__(
        self,
        semantic: Network,
        affinity: Network,
        config: InferenceConfig,
        times: timeline.Timeline | None = None,
    ):
        """Checks that networks and configuration fit.

        Args:
          semantic: The semantic network.
          affinity: The affinity network.
          config: Regions, zoom and flips.
          times: Collects when the networks were at work.

        Raises:
          ValueError: They do not fit each other.
        """
        check_networks(semantic, affinity, config)
        self._groups = config.class_groups(semantic.class_table)
        self._semantic = semantic
        self._affinity = affinity
        self._config = config
        self._times = timeline.Timeline() if times is None else times

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
        size = height, width
        whole = (0, 0, height, width), size
        pixels = self._semantic.stretch_contrast(image)
        (full,) = self._logits(self._semantic, {whole: pixels}, config.semantic_flip, [size], said)
        regions = regions_lib.find_regions(
            full, size, self._groups, config, stride=self._semantic.output_stride
        )
        sizes = [regions_lib.zoomed_size(region, config) for region in regions]
        places = [(region.box, size) for region, size in zip(regions, sizes, strict=True)]
        semantic, affinity = (
            self._crop_logits(network, network.stretch_contrast(image), places, flip, said)
            for network, flip in (
                (self._semantic, config.semantic_flip),
                (self._affinity, config.affinity_flip),
            )
        )
        return ImagePrediction(
            height=height,
            width=width,
            semantic_stride=self._semantic.output_stride,
            affinity_stride=self._affinity.output_stride,
            distances=tuple(self._affinity.distances),
            semantic_logits=full.astype(config.logits_dtype),
            regions=[
                RegionPrediction(
                    region,
                    place[1],
                    semantic[place].astype(config.logits_dtype),
                    affinity[place].astype(config.logits_dtype),
                )
                for region, place in zip(regions, places, strict=True)
            ],
        )

    def _crop_logits(
        self,
        network: Network,
        pixels: tf.Tensor,
        places: Sequence[tuple[tuple[int, int, int, int], tuple[int, int]]],
        flip: bool,
        said: dict[Hashable, np.ndarray],
    ) -> dict[Hashable, np.ndarray]:
        """Returns the logits of zoomed crops of an image, by box and zoomed size."""
        crops = {
            (box, size): tf.image.resize(_cut(pixels, box), size, method="bilinear")
            for box, size in dict.fromkeys(places)  # Two super-classes may have the same box.
        }
        padded = [self._padded(size) for _, size in crops]
        return dict(zip(crops, self._logits(network, crops, flip, padded, said), strict=True))

    def _logits(
        self,
        network: Network,
        crops: dict[Hashable, tf.Tensor],
        flip: bool,
        sizes: Sequence[tuple[int, int]],
        said: dict[Hashable, np.ndarray],
    ) -> list[np.ndarray]:
        """Returns the logits of each crop, float32 [F, h, w, C].

        Args:
          network: The network.
          crops: float32 RGB 0..255 [H, W, 3], of any sizes, by what tells them apart.
          flip: Whether the mirrored crop is run as well.
          sizes: Height and width that each crop is padded to at the bottom and right with zeros.
          said: As in `predict`; float32 [h, w, C] by network, tiling, padded size, crop and flip.
        """
        flips = (False, True) if flip else (False,)
        tiling = self._config.max_input_pixels, self._config.tile_overlap
        keys = [
            [(network, tiling, size, name, mirrored) for mirrored in flips]
            for name, size in zip(crops, sizes, strict=True)
        ]
        views = {}
        for crop, size, own in zip(crops.values(), sizes, keys, strict=True):
            new = [key for key in own if key not in said]
            if new:
                normalized = network.normalize(crop[None])[0]
                for key in new:
                    # Mirrored before it is padded, so the padding stays at the right.
                    views[key] = _pad(normalized[:, ::-1] if key[-1] else normalized, size)
        said.update(zip(views, self._run(network, list(views.values())), strict=True))
        return [
            _needed(np.stack([said[key] for key in own]), crop, network.output_stride)
            for crop, own in zip(crops.values(), keys, strict=True)
        ]

    def _run(self, network: Network, inputs: Sequence[tf.Tensor]) -> list[np.ndarray]:
        """Returns the logits of each input; inputs of equal size run together."""
        logits: dict[int, np.ndarray] = {}
        largest, overlap = self._config.max_input_pixels, self._config.tile_overlap
        for batch in _batches([tuple(values.shape[:2]) for values in inputs], largest):
            stacked = tf.stack([inputs[i] for i in batch])
            parts = tiles.cut(*stacked.shape[1:3], largest, overlap)
            with self._times.span(timeline.NETWORK, f"{network.kind} {tuple(stacked.shape)}"):
                if len(parts) == 1:
                    found = network.logits(stacked).numpy()
                else:
                    found = tiles.run(network, stacked, parts)
            logits.update(zip(batch, found, strict=True))
        return [logits[i] for i in range(len(inputs))]

    def _padded(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the size that a crop of `size` is padded to (paper 4.3).

        At least `crop_size`; above it the steps of `bucket` keep the number of shapes small.
        """
        least, step = self._config.crop_size, self._config.bucket
        height, width = (least + -(-max(0, side - least) // step) * step for side in size)
        return height, width


def check_networks(semantic: Network, affinity: Network, config: InferenceConfig) -> None:
    """Raises ValueError unless networks and configuration fit each other."""
    for network, kind in ((semantic, "semantic"), (affinity, "affinity")):
        if network.kind != kind:
            raise ValueError(f"the {kind} network must be of that kind: {network.kind!r}")
    config.merge_options(semantic.class_table, affinity.distances)


def _cut(image: tf.Tensor, box: tuple[int, int, int, int]) -> tf.Tensor:
    y0, x0, y1, x1 = box
    return image[y0:y1, x0:x1]


def _pad(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Pads [H, W, C] with zeros at the bottom and right to [*size, C]."""
    missing = [wanted - side for wanted, side in zip(size, image.shape, strict=False)]
    return tf.pad(image, [[0, missing[0]], [0, missing[1]], [0, 0]])


def _batches(sizes: Sequence[tuple[int, int]], largest: int) -> list[list[int]]:
    """Groups indices of equal sizes into batches of at most twice `largest` pixels.

    Sizes above `largest` run in tiles of at most that many pixels, so an input and its mirror
    image always run together.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for i, size in enumerate(sizes):
        groups.setdefault(size, []).append(i)
    batches = []
    for (height, width), members in groups.items():
        step = max(1, 2 * largest // min(height * width, largest))
        batches += [members[i : i + step] for i in range(0, len(members), step)]
    return batches


def _needed(logits: np.ndarray, crop: tf.Tensor, stride: int) -> np.ndarray:
    """Cuts [F, h, w, C] to what upsampling to the unpadded crop reads.

    Pixel y lies between logits floor(y / stride) and the next one, which may be one that
    the padding gave.
    """
    rows, columns = ((side - 1) // stride + 2 for side in crop.shape[:2])
    return logits[:, :rows, :columns]
