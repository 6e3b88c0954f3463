"""Initial weights of a network, from the checkpoint of another network (paper 5.1)."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from affinity_seg import class_tables, labels, resources
from affinity_seg.modeling import inputs, loading, network_folder

_LOGITS_KERNEL = "head/_classifier/kernel/.ATTRIBUTES/VARIABLE_VALUE"
"""Name in a checkpoint of the kernel of the 1x1 convolution that computes the logits."""


def start_from(
    path: str,
    model: tf_keras.Model,
    modules: Sequence[str],
    class_table: labels.ClassTable,
    build_rgb: Callable[[], tf_keras.Model],
) -> str:
    """Loads parts of a network from a checkpoint; the other parts keep their random weights.

    The weights of backbone, decoder and head fit every output stride. Those of backbone and
    decoder also fit every class table and kind of network.

    A network of other channels than RGB can start with the weights of one of RGB. Its first layer
    gets the mean of that one's weights over red, green and blue, times 3 / channels, in each
    channel. So both say the same to a grey image.

    Args:
      path: Checkpoint without suffix, or a folder, whose latest checkpoint is used. A folder is
        relative to the current one or else to the root of the library's files, so that
        `models/...` works from anywhere.
      model: A model of `networks.build_network`.
      modules: The parts to load, some of `experiments.MODULES`.
      class_table: The classes of `model`.
      build_rgb: Builds the same network for RGB images.

    Returns:
      The path of the checkpoint.

    Raises:
      FileNotFoundError: There is no such checkpoint.
      ValueError: It does not have these parts, or its logits have another number of channels.
    """
    folder = resources.locate(path, tf.io.gfile.isdir)
    checkpoint = path if folder is None else network_folder.latest_checkpoint(folder)
    if "head" in modules:
        _check_logits(checkpoint, model, class_table)
    is_of_rgb = "backbone" in modules and _is_of_rgb(checkpoint, model)
    source = build_rgb() if is_of_rgb else model
    try:
        loading.restore(checkpoint, {name: source.checkpoint_items[name] for name in modules})
    except ValueError as error:
        raise ValueError(
            "`task.init_checkpoint` must have weights of a network like this one, or be empty for "
            f"random ones: {error}"
        ) from error
    if is_of_rgb:
        for name in modules:
            _copy(source.checkpoint_items[name], model.checkpoint_items[name])
    return checkpoint


def _is_of_rgb(checkpoint: str, model: tf_keras.Model) -> bool:
    """Returns whether a network of other channels would start with a backbone of RGB."""
    height, width, count, filters = model.backbone.trainable_variables[0].shape
    if count == inputs.RGB:
        return False
    try:
        shapes = tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    except (RuntimeError, ValueError, tf.errors.OpError):
        return False  # `loading.restore` raises the error about the checkpoint.
    return [height, width, inputs.RGB, filters] in shapes.values()


def _copy(source: tf_keras.layers.Layer, target: tf_keras.layers.Layer) -> None:
    """Copies the weights of a module; those of the first layer are spread over all channels."""
    for there, here in zip(source.variables, target.variables, strict=True):
        value = there.numpy()
        if value.shape != here.shape:
            count = here.shape[2]
            mean = value.mean(axis=2, keepdims=True) * (inputs.RGB / count)
            value = np.repeat(mean, count, axis=2)
        here.assign(value)


def _check_logits(checkpoint: str, model: tf_keras.Model, class_table: labels.ClassTable) -> None:
    """Raises ValueError if a checkpoint has logits of another shape than the model's."""
    try:
        shapes = tf.train.load_checkpoint(checkpoint).get_variable_to_shape_map()
    except (RuntimeError, ValueError, tf.errors.OpError):
        return  # `loading.restore` raises the error about the checkpoint.
    there, here = shapes.get(_LOGITS_KERNEL), model.output["logits"].shape
    if there is None or there[-1] == here[-1]:
        return
    table_path = os.path.join(os.path.dirname(checkpoint), class_tables.TABLE_FILE)
    found = ""
    if os.path.isfile(table_path):
        found = f" (class table {class_tables.load_class_table(table_path).name!r})"
    raise ValueError(
        f"{checkpoint}: `task.init_checkpoint_modules` has 'head', whose logits have "
        f"{there[-1]} channels there{found} and {here[-1]} here (class table "
        f"{class_table.name!r}); start with new ones: [backbone, decoder]"
    )
