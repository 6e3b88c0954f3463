"""Trained networks back from their folder."""

import dataclasses
import functools
import os

import tensorflow as tf
import yaml
from official.core import exp_factory

from affinity_seg import files, labels, neighbors
from affinity_seg.configs import experiments
from affinity_seg.modeling import networks

CLASS_TABLE_FILE = "class_table.yaml"
_PARAMS_FILE = "params.yaml"
_KINDS = {experiments.SEMANTIC: "semantic", experiments.AFFINITY: "affinity"}


class Network:
    """A trained network for inference.

    Attributes:
      kind: "semantic" or "affinity".
      output_stride: Input pixels per logit.
      num_outputs: Channels of the logits.
      class_table: Classes it was trained with.
      distances: Distances of an affinity network's channels, pixels; None for a semantic one.
      model: The Keras model behind it.
    """

    def __init__(self, task: experiments.SegmentationTask, class_table: labels.ClassTable):
        self.kind = _KINDS[task.name]
        self.class_table = class_table
        self.output_stride = task.model.output_stride
        if self.kind == "semantic":
            self.distances = None
            self.num_outputs = class_table.num_classes
        else:
            self.distances = tuple(task.distances)
            self.num_outputs = neighbors.num_channels(self.distances)
        self._config = task.model
        self.model = networks.build_network(task.model, self.num_outputs)

    def normalize(self, images: tf.Tensor) -> tf.Tensor:
        """Returns uint8 or float32 RGB images 0..255 [B, H, W, 3] as float32 network input."""
        return networks.normalize(self._config, images)

    @functools.cached_property
    def logits(self):
        """Function from normalised float32 [B, H, W, 3] to float32 logits.

        The logits are [B, ceil(H/s), ceil(W/s), num_outputs] with s = `output_stride`. It is a
        `tf.function` with one trace for all sizes.
        """

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
        def logits(normalized):
            return tf.cast(self.model(normalized, training=False)["logits"], tf.float32)

        return logits


def load_network(model_dir: str, output_stride: int | None = None) -> Network:
    """Rebuilds a network from its configuration and loads its latest checkpoint.

    Args:
      model_dir: Folder that tools/train.py wrote.
      output_stride: Another output stride than the one it was trained at; the weights of our
        networks fit every stride.

    Raises:
      FileNotFoundError: The folder, its params.yaml or its checkpoint is missing.
      ValueError: params.yaml is not of one of the experiments of this package.
    """
    if not os.path.isdir(model_dir):
        raise FileNotFoundError(
            f"`model_dir` must be a folder that tools/train.py wrote: {model_dir}"
        )
    params_path = os.path.join(model_dir, _PARAMS_FILE)
    if not os.path.isfile(params_path):
        raise FileNotFoundError(f"{params_path} is missing; tools/train.py writes it")
    checkpoint = tf.train.latest_checkpoint(model_dir)
    if checkpoint is None:
        raise FileNotFoundError(f"`model_dir` must hold a checkpoint; there is none in {model_dir}")
    task = _read_task(params_path)
    if output_stride is not None:
        task.model.backbone.get().output_stride = output_stride
    table_path = os.path.join(model_dir, CLASS_TABLE_FILE)
    class_table = labels.load_class_table(
        table_path if os.path.isfile(table_path) else task.class_table
    )
    network = Network(task, class_table)
    status = tf.train.Checkpoint(model=network.model).read(checkpoint)
    status.expect_partial().assert_existing_objects_matched()
    return network


def write_class_table(model_dir: str, class_table: labels.ClassTable) -> None:
    """Writes the classes beside the checkpoints, so that the folder is complete in itself."""
    content = dataclasses.asdict(class_table)
    for key, value in content.items():
        if isinstance(value, tuple):
            content[key] = [list(v) if isinstance(v, tuple) else v for v in value]
    files.write_bytes(os.path.join(model_dir, CLASS_TABLE_FILE), yaml.safe_dump(content).encode())


def _read_task(params_path: str) -> experiments.SegmentationTask:
    """Reads the task's configuration from params.yaml."""
    with open(params_path, encoding="utf-8") as file:
        params = yaml.safe_load(file)
    name = params.get("task", {}).get("name")
    if name not in _KINDS:
        raise ValueError(f"{params_path}: `task.name` must be one of {sorted(_KINDS)}: {name!r}")
    experiment = exp_factory.get_exp_config(name)
    experiment.override(params, is_strict=True)
    return experiment.task
