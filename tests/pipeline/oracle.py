"""Networks that read the truth off the picture, in place of trained ones."""

import os

import cv2
import numpy as np
import tensorflow as tf
from official.core import exp_factory

from affinity_seg import labels, model_folder, neighbors
from affinity_seg.configs import experiments
from affinity_seg.modeling import network_folder
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
    """Has the interface of `affinity_seg.modeling.network.Network`."""

    def __init__(self, kind, output_stride=1, distances=neighbors.DISTANCES):
        self.kind = kind
        self.output_stride = self.feature_stride = output_stride
        self.variables = []
        self.num_channels = 3
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


def write_labelled(folder, count, has_speck=False):
    """Writes images of three objects, two of which touch, and their instances, for `TABLE`.

    With `has_speck` the images show a fourth object of 9 pixels that the instances do not have.
    """
    for kind in ("images", "instances"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
        for i, (c, x) in enumerate([(1, 2), (1, 9), (3, 20)], start=1):
            classes[4:12, x + number : x + number + 7] = c
            instances[4:12, x + number : x + number + 7] = i
        # The class table numbers an instance by label id * 1000 + number.
        stored = np.where(instances, classes * 1000 + instances, 0).astype(np.uint16)
        cv2.imwrite(str(folder / "instances" / f"{number}.png"), stored)
        if has_speck:
            classes[18:21, 4:7], instances[18:21, 4:7] = 2, 4
        cv2.imwrite(
            str(folder / "images" / f"{number}.png"), picture(classes, instances)[..., ::-1]
        )


def write_model(folder, monkeypatch, network=OracleNetwork, preset=None):
    """Writes a model whose networks load as `network(kind)`, with real parameters.

    Returns the list that gets the folder of each network that is loaded.
    """
    loaded = []

    def load(path, *_):
        loaded.append(path)
        return network(os.path.basename(path))

    monkeypatch.setattr(prediction_runs, "load_network", load)
    for kind, name in (("semantic", experiments.SEMANTIC), ("affinity", experiments.AFFINITY)):
        path = folder / kind
        network_folder.claim_model_dir(str(path), exp_factory.get_exp_config(name), TABLE)
        tf.train.Checkpoint(weight=tf.Variable(1.0)).save(str(path / "ckpt"))
    if preset is not None:
        model_folder.write(str(folder), preset=preset)
    return loaded
