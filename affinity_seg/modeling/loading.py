"""Loads trained networks from their folders."""

import contextlib
import copy
import functools
import os
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
import tf_keras

from affinity_seg import labels, neighbors
from affinity_seg.configs import experiments
from affinity_seg.modeling import averages, half_precision, network_folder, networks


class Network:
    """A trained network for inference.

    Attributes:
      kind: "semantic", "affinity", or "joint" for one network with both heads.
      output_stride: Input pixels per logit.
      feature_stride: Input pixels per cell of the backbone's last features.
      num_channels: Channels of the images.
      num_outputs: Channels of the logits; of a joint network, the classes are first.
      class_table: Classes it was trained with.
      distances: Distances of the affinities, pixels; None for a semantic network.
      model: The Keras model behind it.
      identity: Name and hash of its checkpoint, see `network_identity`; None if its weights were
        not loaded.
    """

    def __init__(
        self,
        task: experiments.SegmentationTask,
        class_table: labels.ClassTable,
        precision: str = "float32",
    ):
        self.kind = experiments.KINDS[task.name]
        self.class_table = class_table
        self.output_stride = task.model.output_stride
        self.feature_stride = 2**task.model.backbone_level
        distances = getattr(task, "distances", None)
        self.distances = None if distances is None else tuple(distances)
        sizes = {"semantic": class_table.num_classes}
        if self.distances is not None:
            sizes["affinity"] = neighbors.num_channels(self.distances)
        self._sizes = [sizes[part] for part in experiments.PARTS[task.name]]
        self.num_outputs = sum(self._sizes)
        self.identity: dict[str, str] | None = None
        self.num_channels = task.model.num_channels
        self._config = task.model
        self._channels: tuple[int, int] | None = None
        with _policy(precision):
            self.model = networks.build_network(task.model, self.num_outputs)

    def split(self, logits: tf.Tensor | np.ndarray) -> list[tf.Tensor] | list[np.ndarray]:
        """Returns the semantic and the affinity channels of a joint network's logits [..., C].

        Those of a network of one kind are returned as they are.
        """
        ends = np.cumsum(self._sizes).tolist()
        return [logits[..., end - size : end] for size, end in zip(self._sizes, ends, strict=True)]

    def part(self, kind: str) -> "Network":
        """Returns the network of one head of a joint network, with the same weights.

        Args:
          kind: "semantic" or "affinity".
        """
        index = experiments.PARTS[experiments.JOINT].index(kind)
        first = sum(self._sizes[:index])
        part = copy.copy(self)
        part.kind, part._sizes = kind, self._sizes[index : index + 1]
        part.distances = self.distances if kind == "affinity" else None
        (part.num_outputs,) = part._sizes
        part._channels = first, first + part.num_outputs
        for name in ("logits", "encode", "decode"):
            vars(part).pop(name, None)  # A cached function of the whole.
        return part

    @property
    def variables(self) -> list[tf.Variable]:
        """The weights, for saving."""
        return self.model.variables

    def stretch_contrast(self, image: tf.Tensor, histogram: tf.Tensor | None = None) -> tf.Tensor:
        """Returns an image or a part of it with the network's contrast stretch, 0..255.

        Args:
          image: uint8 [H, W, C].
          histogram: As in `networks.stretch_contrast`, for a part of an image.
        """
        return networks.stretch_contrast(self._config, image, histogram)

    def normalize(self, images: tf.Tensor) -> tf.Tensor:
        """Returns uint8 or float32 images 0..255 [B, H, W, C] as float32 network input."""
        return networks.normalize(self._config, images)

    @functools.cached_property
    def logits(self):
        """Function from normalised float32 [B, H, W, C] to float32 logits.

        The logits are [B, ceil(H/s), ceil(W/s), num_outputs] with s = `output_stride`. It is a
        `tf.function` with one trace for all sizes.
        """

        @tf.function(
            autograph=False,
            input_signature=[tf.TensorSpec([None, None, None, self.num_channels], tf.float32)],
        )
        def logits(normalized):
            return tf.cast(networks.logits(self.model, normalized, self._channels), tf.float32)

        return logits

    @functools.cached_property
    def encode(self):
        """Function from one tile of an input to the features that depend on this tile only.

        Inputs: normalised float32 [B, H, W, C], and int32 [4] (y0, x0, y1, x1, in cells), the box
        of features that the mean counts. Outputs: a list, whose first entry is the output of the
        ASPP's convolutions [B, h, w, C]; and the sum of the backbone's features over the box,
        float32 [B, D]. A `tf.function` with one trace.
        """

        @tf.function(
            autograph=False,
            input_signature=[
                tf.TensorSpec([None, None, None, self.num_channels], tf.float32),
                tf.TensorSpec([4], tf.int32),
            ],
        )
        def encode(normalized, box):
            return networks.encode(self.model, normalized, box)

        return encode

    @functools.cached_property
    def decode(self):
        """Function from the features of a tile and the mean features of the whole input to logits.

        Inputs: the list of `encode`, and the mean over all tiles, float32 [B, D]. Output: the
        tile's logits, float32 [B, h, w, num_outputs]. A `tf.function` with one trace.
        """
        outputs = self.encode.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), outputs)

        @tf.function(autograph=False, input_signature=list(specs))
        def decode(encoded, context):
            logits = networks.decode(self.model, encoded, context, self._channels)
            return tf.cast(logits, tf.float32)

        return decode


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
) -> Network:
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
    network = Network(task, network_folder.class_table_of(described_in, task), precision)
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
