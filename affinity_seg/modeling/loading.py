"""Loads trained networks from their folders."""

import contextlib
import os
from collections.abc import Iterator, Mapping

import tensorflow as tf
import tf_keras

from affinity_seg import labels, neighbors
from affinity_seg.configs import experiments
from affinity_seg.modeling import averages, half_precision, network_folder, networks
from affinity_seg.modeling.network import Network, Traits


class KerasNetwork(Network):
    """A network whose layers are built from its configuration.

    Attributes:
      model: The Keras model.
    """

    def __init__(
        self,
        task: experiments.SegmentationTask,
        class_table: labels.ClassTable,
        precision: str = "float32",
    ):
        super().__init__(_traits(task, class_table), class_table)
        with _policy(precision):
            self.model = networks.build_network(task.model, self.num_outputs)

    @property
    def variables(self) -> list[tf.Variable]:
        return self.model.variables

    def run(self, normalized: tf.Tensor) -> tf.Tensor:
        channels = self.channels_of(self.head)
        return tf.cast(networks.logits(self.model, normalized, channels), tf.float32)

    def run_encoder(
        self, normalized: tf.Tensor, box: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        return networks.encode(self.model, normalized, box)

    def run_decoder(self, encoded: list[tf.Tensor], context: tf.Tensor) -> tf.Tensor:
        channels = self.channels_of(self.head)
        return tf.cast(networks.decode(self.model, encoded, context, channels), tf.float32)


def _traits(task: experiments.SegmentationTask, class_table: labels.ClassTable) -> Traits:
    """Returns what inference needs to know of the network of a task."""
    distances = getattr(task, "distances", None)
    sizes = {"semantic": class_table.num_classes}
    if distances is not None:
        sizes["affinity"] = neighbors.num_channels(distances)
    return Traits(
        kind=experiments.KINDS[task.name],
        output_stride=task.model.output_stride,
        feature_stride=2**task.model.backbone_level,
        channels={head: sizes[head] for head in experiments.PARTS[task.name]},
        distances=None if distances is None else tuple(distances),
        num_channels=task.model.num_channels,
        pixel_mean=list(task.model.pixel_mean),
        pixel_scale=task.model.pixel_scale,
        contrast_percentiles=list(task.model.contrast_percentiles),
        contrast_floor=task.model.contrast_floor,
    )


@contextlib.contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Sets the precision in which layers compute that are built inside the `with` block."""
    before = tf_keras.mixed_precision.global_policy()
    tf_keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        tf_keras.mixed_precision.set_global_policy(before)


def load_network(
    model_dir: str, output_stride: int | None = None, precision: str = "float32"
) -> KerasNetwork:
    """Rebuilds a network from its configuration and loads its latest checkpoint.

    Args:
      model_dir: Folder of a network that `affinity_seg train` wrote, or its subfolder `best`, the
        checkpoint with the best validation.
      output_stride: Another output stride than in training; the weights of our networks fit every
        stride.
      precision: Precision of the computation, one of `configs.choices.PRECISIONS`.

    Raises:
      FileNotFoundError: The folder, its params.yaml or its checkpoint is missing.
      ValueError: params.yaml is not of one of the experiments of this package, or the checkpoint
        is damaged.
    """
    if not os.path.isdir(model_dir):
        raise FileNotFoundError(
            f"`model_dir` must be a folder that `affinity_seg train` wrote: {model_dir}"
        )
    described_in = network_folder.params_dir(model_dir)
    task = network_folder.read_task(described_in)
    checkpoint = network_folder.latest_checkpoint(model_dir)
    if output_stride is not None:
        task.model.backbone.get().output_stride = output_stride
    network = KerasNetwork(task, network_folder.class_table_of(described_in, task), precision)
    restore(checkpoint, {"model": network.model})
    network.identity = network_folder.network_identity(model_dir)
    return network


def restore(checkpoint: str, items: Mapping[str, tf.Module]) -> None:
    """Loads all weights of the objects `items` from a checkpoint that has them by these names.

    They are the moving averages where the training computed them.
    The checkpoint may be one of half precision, see `half_precision`.

    Raises:
      FileNotFoundError: There is no such checkpoint.
      ValueError: It is damaged, or is of a network of another structure.
    """
    if not tf.io.gfile.exists(f"{checkpoint}.index"):
        raise FileNotFoundError(f"the checkpoint does not exist: {checkpoint}")
    try:
        with half_precision.expanded(checkpoint) as path:
            status = tf.train.Checkpoint(**items).read(path)
            status.expect_partial().assert_existing_objects_matched()
        folder = os.path.dirname(checkpoint)
        if network_folder.params_dir(folder) == folder:  # In `best` the weights are the averages.
            averages.restore(checkpoint, items)
    # TensorFlow's checkpoint reader raises Python's built-in errors as well.
    except (AssertionError, LookupError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{checkpoint}: the checkpoint is damaged or has not the weights of this network's "
            f"{' and '.join(items)}: {error}"
        ) from error


def save(model_dir: str, items: Mapping[str, tf.Module]) -> None:
    """Writes a checkpoint of the objects `items` by these names into a folder."""
    tf.train.Checkpoint(**items).save(os.path.join(model_dir, "ckpt"))
