"""A trained network as inference sees it, wherever its layers come from."""

import abc
import copy
import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from affinity_seg import labels
from affinity_seg.modeling import inputs


@dataclasses.dataclass(frozen=True)
class Traits:
    """What inference needs to know of a network beside its classes and layers.

    Attributes:
      kind: "semantic", "affinity", or "joint" for one network with both heads.
      output_stride: Input pixels per logit.
      feature_stride: Input pixels per cell of the backbone's last features.
      channels: Channels of the logits of each head, "semantic" and "affinity", in their order.
      distances: Distances of the affinities, pixels; None for a semantic network.
      num_channels: Channels of the images.
      pixel_mean: See `configs.networks.Network`, as the fields below.
      pixel_scale: Likewise.
      contrast_percentiles: Likewise.
      contrast_floor: Likewise.
    """

    kind: str
    output_stride: int
    feature_stride: int
    channels: Mapping[str, int]
    distances: tuple[int, ...] | None
    num_channels: int
    pixel_mean: list[float]
    pixel_scale: float
    contrast_percentiles: list[float]
    contrast_floor: float


class Network(abc.ABC):
    """A trained network for inference.

    Attributes:
      kind: "semantic", "affinity", or "joint" for one network with both heads.
      output_stride: Input pixels per logit.
      feature_stride: Input pixels per cell of the backbone's last features.
      num_channels: Channels of the images.
      num_outputs: Channels of the logits; of a joint network, the classes are first.
      class_table: Classes it was trained with.
      distances: Distances of the affinities, pixels; None for a semantic network.
      traits: All of this but the classes; of the whole network, if this is a part of it.
      head: The head whose logits are computed, "semantic" or "affinity"; None for all.
      identity: Name and hash of its checkpoint, see `network_identity`; None if its weights were
        not loaded.
    """

    def __init__(self, traits: Traits, class_table: labels.ClassTable):
        self.traits = traits
        self.kind = traits.kind
        self.class_table = class_table
        self.output_stride = traits.output_stride
        self.feature_stride = traits.feature_stride
        self.distances = traits.distances
        self.num_channels = traits.num_channels
        self.num_outputs = sum(traits.channels.values())
        self.identity: dict[str, str] | None = None
        self.head: str | None = None

    @property
    @abc.abstractmethod
    def variables(self) -> list[tf.Variable]:
        """The weights, for saving."""

    @abc.abstractmethod
    def run(self, normalized: tf.Tensor) -> tf.Tensor:
        """What `logits` does, in a graph."""

    @abc.abstractmethod
    def run_encoder(
        self, normalized: tf.Tensor, box: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """What `encode` does, in a graph."""

    @abc.abstractmethod
    def run_decoder(self, encoded: list[tf.Tensor], context: tf.Tensor) -> tf.Tensor:
        """What `decode` does, in a graph."""

    def split(self, logits: tf.Tensor | np.ndarray) -> list[tf.Tensor] | list[np.ndarray]:
        """Returns the semantic and the affinity channels of a joint network's logits [..., C]."""
        return [logits[..., slice(*self.channels_of(head))] for head in self.traits.channels]

    def channels_of(self, head: str | None) -> tuple[int, int] | None:
        """Returns the first channel and the end of a head's logits; None for all."""
        if head is None:
            return None
        sizes = self.traits.channels
        names = list(sizes)
        first = sum(sizes[name] for name in names[: names.index(head)])
        return first, first + sizes[head]

    def part(self, kind: str) -> "Network":
        """Returns the network of one head of a joint network, with the same weights.

        Args:
          kind: "semantic" or "affinity".
        """
        part = copy.copy(self)
        part.kind = part.head = kind
        part.distances = self.distances if kind == "affinity" else None
        part.num_outputs = self.traits.channels[kind]
        for name in ("logits", "encode", "decode"):
            vars(part).pop(name, None)  # A cached function of the whole.
        return part

    def stretch_contrast(self, image: tf.Tensor, histogram: tf.Tensor | None = None) -> tf.Tensor:
        """Returns an image or a part of it with the network's contrast stretch, 0..255.

        Args:
          image: uint8 [H, W, C].
          histogram: As in `inputs.stretch_contrast`, for a part of an image.
        """
        return inputs.stretch_contrast(self.traits, image, histogram)

    def normalize(self, images: tf.Tensor) -> tf.Tensor:
        """Returns uint8 or float32 images 0..255 [B, H, W, C] as float32 network input."""
        return inputs.normalize(self.traits, images)

    @functools.cached_property
    def logits(self):
        """Function from normalised float32 [B, H, W, C] to float32 logits.

        The logits are [B, ceil(H/s), ceil(W/s), num_outputs] with s = `output_stride`. It is a
        `tf.function` with one trace for all sizes.
        """
        return tf.function(self.run, autograph=False, input_signature=[self._images()])

    @functools.cached_property
    def encode(self):
        """Function from one tile of an input to the features that depend on this tile only.

        Inputs: normalised float32 [B, H, W, C], and int32 [4] (y0, x0, y1, x1, in cells), the box
        of features that the mean counts. Outputs: a list, whose first entry is the output of the
        ASPP's convolutions [B, h, w, C]; and the sum of the backbone's features over the box,
        float32 [B, D]. A `tf.function` with one trace.
        """
        box = tf.TensorSpec([4], tf.int32)
        return tf.function(self.run_encoder, autograph=False, input_signature=[self._images(), box])

    @functools.cached_property
    def decode(self):
        """Function from the features of a tile and the mean features of the whole input to logits.

        Inputs: the list of `encode`, and the mean over all tiles, float32 [B, D]. Output: the
        tile's logits, float32 [B, h, w, num_outputs]. A `tf.function` with one trace.
        """
        outputs = self.encode.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), outputs)
        return tf.function(self.run_decoder, autograph=False, input_signature=list(specs))

    def _images(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, None, None, self.num_channels], tf.float32)
