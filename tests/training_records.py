"""TFRecords of small drawn images and configurations of tiny networks, for the tests that train."""

import numpy as np
import tensorflow as tf
import yaml
from official.core import train_utils

from affinity_seg import class_tables
from affinity_seg.configs import experiments
from affinity_seg.data import checks, tfrecords
from affinity_seg.data.items import Item
from affinity_seg.tasks import registry_imports  # noqa: F401

KINDS = {kind: experiment for experiment, kind in experiments.KINDS.items()}


def write(path, count=4, height=72, width=100, cityscapes=True, seed=0):
    """Writes `count` noisy images with two bright boxes each; returns the stored values."""
    rng = np.random.default_rng(seed)
    values = (26001, 24003) if cityscapes else (1, 2)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(count):
            image = rng.integers(0, 60, (height, width, 3), np.uint8)
            instances = np.zeros((height, width), np.uint16)
            for number, value in enumerate(values):
                y, x = 8 + 30 * number, 10 + int(rng.integers(0, width - 60))
                image[y : y + 24, x : x + 40, number] += 180
                instances[y : y + 24, x : x + 40] = value
            writer.write(serialize(image, instances, f"{index}.png"))
    return values


def serialize(image, stored, filename="a/b.png"):
    """Returns the record of an image, uint8 RGB, and its stored labels."""
    item = Item(filename, filename, filename, None)
    return tfrecords.serialize(checks.from_arrays(item, image, stored, class_tables.CITYSCAPES))


def change(serialized, features):
    """Returns a record with other lists of values of features; None: without the feature."""
    example = tf.train.Example.FromString(serialized)
    for key, values in features.items():
        kind = example.features.feature[key].WhichOneof("kind")
        del example.features.feature[key]
        if values is not None:
            getattr(example.features.feature[key], kind).value.extend(values)
    return example.SerializeToString()


def write_config(path, records, **trainer):
    """Writes YAML overrides for a tiny network on `records`."""
    data = {"input_path": str(records), "crop_size": [64, 64], "global_batch_size": 2}
    content = {
        "task": {
            "model": {
                "backbone": {
                    "resnet_v1": {
                        "preset": "small",
                        "units": [1, 1, 1, 1],
                        "width": 4,
                        "stem_filters": 4,
                        "output_stride": 8,
                    }
                },
                "aspp": {"rates": [1, 2, 3], "filters": 8},
                "norm_activation": {"norm_momentum": 0.9},
                "pixel_scale": 64.0,
            },
            "train_data": {**data, "seed": 3, "scale_max": 1.5, "photometric": 0.1},
            "validation_data": {**data, "crop_size": [72, 96]},
        },
        "trainer": {
            "steps_per_loop": 1,
            "summary_interval": 1,
            "checkpoint_interval": 1,
            "validation_interval": 100,
            "train_steps": 2,
            **trainer,
        },
    }
    path.write_text(yaml.safe_dump(content))
    return path


def change_config(path, task):
    """Overrides fields of `task` in a file of `write_config`, two levels deep."""
    content = yaml.safe_load(path.read_text())
    for name, fields in task.items():
        for key, value in fields.items():
            if isinstance(value, dict):
                content["task"][name].setdefault(key, {}).update(value)
            else:
                content["task"].setdefault(name, {})[key] = value
    path.write_text(yaml.safe_dump(content))


def parse(kind, config, override=""):
    """Returns the experiment of a kind of network with a file of `write_config` and overrides."""
    options = train_utils.ParseConfigOptions(
        experiment=KINDS[kind], config_file=[str(config)], params_override=override
    )
    return train_utils.parse_configuration(options, lock_return=False, print_return=False)


def latest_step(model_dir):
    """Returns the step of the latest checkpoint in a folder, 0 if there is none."""
    path = tf.train.latest_checkpoint(str(model_dir))
    return int(path.rpartition("-")[2]) if path else 0
