"""Networks that read the truth off the picture, in place of trained ones."""

import os

import numpy as np
import tensorflow as tf

from affinity_seg import labels, neighbors
from affinity_seg.pipeline import prediction_runs
from checks.true_predictions import true_affinities

TABLE = labels.ClassTable(
    name="shapes",
    class_names=("background", "square", "disc", "bar"),
    label_ids=(1, 2, 3),
    groups=(0, 1, 1, 2),
)
CLASS_STEP = 60  # Red is class * CLASS_STEP.
MARGIN = 8.0  # Logits are +-MARGIN.


def picture(classes: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Returns uint8 RGB: red tells the class, green the instance."""
    blue = np.full_like(classes, 200)
    return np.stack([classes * CLASS_STEP, instances * 20, blue], axis=-1).astype(np.uint8)


class OracleNetwork:
    """Has the interface of `affinity_seg.modeling.loading.Network`."""

    def __init__(self, kind, output_stride=1, distances=neighbors.DISTANCES):
        self.kind = kind
        self.output_stride = self.feature_stride = output_stride
        self.variables = []
        self.class_table = TABLE
        self.distances = tuple(distances) if kind == "affinity" else None
        self.num_outputs = (
            TABLE.num_classes if kind == "semantic" else neighbors.num_channels(distances)
        )
        self.calls = []

    def stretch_contrast(self, image):
        return tf.cast(image, tf.float32)

    def normalize(self, images):
        return tf.cast(images, tf.float32) / 255

    def logits(self, normalized):
        self.calls.append(tuple(normalized.shape))
        pixels = np.rint(normalized.numpy() * 255)
        answers = [self._answer(image) for image in pixels]
        s = self.output_stride
        return tf.constant(np.stack(answers)[:, ::s, ::s], tf.float32)

    def _answer(self, image):
        classes = np.rint(image[..., 0] / CLASS_STEP).astype(int)
        if self.kind == "semantic":
            truth = np.eye(TABLE.num_classes)[classes]
        else:
            instances = np.rint(image[..., 1] / 20).astype(int)
            truth = true_affinities(instances, self.distances)
        return MARGIN * (2 * truth - 1)


def write_model(folder, monkeypatch, network=OracleNetwork):
    """Writes folders of two networks with real checkpoints; they load as `network(kind)`."""
    for kind in ("semantic", "affinity"):
        (folder / kind).mkdir()
        (folder / kind / "params.yaml").write_text("task: {}\n")
        tf.train.Checkpoint(weight=tf.Variable(1.0)).save(str(folder / kind / "ckpt"))
    monkeypatch.setattr(
        prediction_runs, "load_network", lambda path, *_: network(os.path.basename(path))
    )
