"""Folders of three images for runs, with networks that know the truth."""

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.pipeline import prediction_runs

SETTINGS = {
    "cell_size": 8,
    "growth": 4,
    "crop_size": 32,
    "max_zoom": 1.0,
    "merge_window": 1,
    "min_pixels": 10,
}
CONFIG = InferenceConfig(**SETTINGS)


def scene(shift):
    classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
    for number, (c, x) in enumerate([(1, 2), (1, 8), (3, 20)], start=1):
        classes[4:12, x + shift : x + shift + 6] = c
        instances[4:12, x + shift : x + shift + 6] = number
    return classes, instances


def save(folder, value):
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text("task: {}\n")
    tf.train.Checkpoint(weight=tf.Variable(value)).save(str(folder / "ckpt"))


def predict(folder, items, config=CONFIG):
    return prediction_runs.predict_images(
        items, config, str(folder / "semantic"), str(folder / "affinity"), str(folder / "out")
    )
