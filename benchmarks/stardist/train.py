"""Trains StarDist from scratch on a folder of images and instances for so many minutes.

    python benchmarks/stardist/train.py --input=../shared/data/nuclei/train --minutes=40 \
        --output_dir=runs/stardist

Runs in an environment of its own, see requirements.txt. The settings are those of StarDist's 2D
example (32 rays, a grid of 2), with flips, quarter turns and changes of brightness. The learning
rate falls to 0 as a cosine over the minutes. Each tenth image is held out: it chooses the weights
and both thresholds. Writes the model and train.json.
"""

import argparse
import json
import math
import os
import time

import images
import numpy as np
import stardist
import tensorflow as tf
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

_HELD_OUT = 10
"""Each image of this number is held out."""

_STEPS_PER_EPOCH = 50
"""Steps between two evaluations of the images that are held out."""


class Clock(tf.keras.callbacks.Callback):
    """Ends the training after so many seconds, and lowers the learning rate until then.

    Attributes:
      steps: Steps so far.
    """

    def __init__(self, seconds: float, rate: float):
        """Starts the clock."""
        super().__init__()
        self._seconds, self._rate = seconds, rate
        self._start = time.monotonic()
        self.steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        """Sets the learning rate."""
        share = min(1.0, (time.monotonic() - self._start) / self._seconds)
        rate = self._rate * (1 + math.cos(math.pi * share)) / 2
        tf.keras.backend.set_value(self.model.optimizer.learning_rate, rate)

    def on_train_batch_end(self, batch, logs=None):
        """Ends the training when the time is over."""
        self.steps += 1
        if time.monotonic() - self._start > self._seconds:
            self.model.stop_training = True


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns an image and its labels, turned and mirrored, with another brightness."""
    turns = np.random.randint(4)
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if np.random.rand() < 0.5:
        image, labels = image[:, ::-1], labels[:, ::-1]
    return image * np.random.uniform(0.6, 2) + np.random.uniform(-0.2, 0.2), labels


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="Folder with images/ and instances/.")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--seed", type=int, default=1)
    values = parser.parse_args()
    tf.keras.utils.set_random_seed(values.seed)
    names = images.names(values.input)
    pictures = [images.read_image(values.input, name) for name in names]
    labels = [fill_label_holes(images.read_labels(values.input, name)) for name in names]
    held_out = [index % _HELD_OUT == 0 for index in range(len(names))]

    def part(values, is_held_out):
        return [v for v, held in zip(values, held_out, strict=True) if held == is_held_out]

    config = Config2D(
        axes="YX",
        n_channel_in=1,
        n_rays=32,
        grid=(2, 2),
        train_patch_size=(256, 256),
        train_batch_size=4,
        train_epochs=10**6,
        train_steps_per_epoch=_STEPS_PER_EPOCH,
        train_reduce_lr=None,
        train_tensorboard=False,
    )
    model = StarDist2D(config, name="model", basedir=values.output_dir)
    model.prepare_for_training()
    start = time.monotonic()
    clock = Clock(60 * values.minutes, config.train_learning_rate)
    model.callbacks.append(clock)
    validation = part(pictures, True), part(labels, True)
    model.train(
        part(pictures, False),
        part(labels, False),
        validation_data=validation,
        augmenter=augment,
        seed=values.seed,
    )
    trained = time.monotonic()
    model.optimize_thresholds(*validation)
    content = {
        "train_seconds": trained - start,
        "threshold_seconds": time.monotonic() - trained,
        "steps": clock.steps,
        "images": len(names),
        "versions": {"stardist": stardist.__version__, "tensorflow": tf.__version__},
    }
    with open(os.path.join(values.output_dir, "train.json"), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    print(content)


if __name__ == "__main__":
    main()
