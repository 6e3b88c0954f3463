"""Changes that must not change the result: mirroring, tiles, and the type of stored logits."""

import dataclasses
from typing import NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.instances import Instances, overlaps
from affinity_seg.modeling.network import Network
from affinity_seg.pipeline import segmenter as pipeline
from affinity_seg.pipeline.predicting import Predictor
from affinity_seg.pipeline.predictions import ImagePrediction
from affinity_seg.pipeline.probabilities import predicted_classes
from affinity_seg.pipeline.tiles import cut

FOUND_IOU = 0.9
"""An instance is found again if one overlaps it with more than this IoU."""

NEAR_CUT = 256
"""What lies within this distance of the cut between two tiles is near it, pixels."""


class Comparison(NamedTuple):
    """One image, segmented in two ways.

    Attributes:
      same_classes: Share of pixels with the same most probable class.
      same_far_from_cuts: The same, of pixels that are not near a cut; nan if there are no tiles.
      rand_index: Adjusted Rand index of the two maps of instances, background included.
      instances: Instances of the first way.
      found: Those of them that the second way finds again.
    """

    same_classes: float
    same_far_from_cuts: float
    rand_index: float
    instances: int
    found: int


class Segmenter:
    """Both networks and the merge, under changes of one configuration."""

    def __init__(
        self,
        semantic: Network,
        affinity: Network,
        config: InferenceConfig,
    ):
        self._networks = semantic, affinity
        self._config = config

    def compare_mirrored(self, image: np.ndarray) -> Comparison:
        """Compares an image, uint8 [H, W, 3], with its mirror image, mirrored back."""
        prediction, instances = self._segment(image)
        mirrored, again = self._segment(np.ascontiguousarray(image[:, ::-1]))
        again = again._replace(instance_ids=again.instance_ids[:, ::-1])
        classes = predicted_classes(mirrored)[:, ::-1]
        return _compare(predicted_classes(prediction), instances, classes, again)

    def compare_tiles(self, image: np.ndarray) -> Comparison:
        """Compares an image in tiles with the image in one piece."""
        prediction, instances = self._segment(image)
        whole, again = self._segment(image, max_input_pixels=8192**2)
        limits = self._config.max_input_pixels, self._config.tile_overlap
        far = np.ones(image.shape[:2], bool)
        for _, _, y1, x1 in cut(*image.shape[:2], *limits)[1].numpy():
            if y1 < image.shape[0]:
                far[max(0, y1 - NEAR_CUT) : y1 + NEAR_CUT] = False
            if x1 < image.shape[1]:
                far[:, max(0, x1 - NEAR_CUT) : x1 + NEAR_CUT] = False
        return _compare(
            predicted_classes(prediction), instances, predicted_classes(whole), again, far
        )

    def compare_logits_dtypes(self, image: np.ndarray) -> Comparison:
        """Compares logits kept as float16 with logits kept as float32."""
        prediction, instances = self._segment(image, logits_dtype="float16")
        exact, again = self._segment(image, logits_dtype="float32")
        return _compare(predicted_classes(prediction), instances, predicted_classes(exact), again)

    def _segment(self, image: np.ndarray, **changes) -> tuple[ImagePrediction, Instances]:
        config = dataclasses.replace(self._config, **changes)
        segmenter = pipeline.Segmenter(*self._networks, config)
        prediction = Predictor(segmenter).predict(image)
        return prediction, segmenter.merger.merge(prediction)


def _compare(
    classes: np.ndarray,
    instances: Instances,
    other_classes: np.ndarray,
    others: Instances,
    far: np.ndarray | None = None,
) -> Comparison:
    """Compares class maps, int [H, W], and instances; `far`, bool [H, W], is far from cuts."""
    same = classes == other_classes
    common, union = overlaps(instances.instance_ids, others.instance_ids)
    return Comparison(
        same_classes=float(same.mean()),
        same_far_from_cuts=float("nan") if far is None else float(same[far].mean()),
        rand_index=float(
            adjusted_rand_score(instances.instance_ids.ravel(), others.instance_ids.ravel())
        ),
        instances=len(instances.classes),
        found=int((common > FOUND_IOU * union).any(axis=1).sum()),
    )
