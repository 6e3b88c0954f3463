"""Configuration of the losses of the networks (paper 3.3, algorithm.md 8 and 10)."""

import dataclasses

from official.modeling import hyperparams


@dataclasses.dataclass
class Losses(hyperparams.Config):
    """Loss settings of both networks.

    Attributes:
      l2_weight_decay: Weight decay of the convolution kernels.
      sample_stride: The loss is taken at every `sample_stride`-th pixel of each axis; 1 is the
        paper's, a larger divisor of the output stride is faster.
    """

    l2_weight_decay: float = 1e-4
    sample_stride: int = 1


@dataclasses.dataclass
class SemanticLosses(Losses):
    """Adds what Model Garden's segmentation loss offers.

    Attributes:
      class_weights: Weight of the pixels of each class, background first; empty for equal weights.
      hard_pixel_share: Share of pixels, those of the largest loss, that count.
    """

    class_weights: list[float] = dataclasses.field(default_factory=list)
    hard_pixel_share: float = 1.0


@dataclasses.dataclass
class AffinityLosses(Losses):
    """Adds the weights of pairs, and the share of them that counts; all are 1 in the paper.

    Attributes:
      background_pair_weight: Weight of pairs with both ends on background.
      other_instance_pair_weight: Weight of pairs of two different instances, which are few;
        more than 1 keeps touching objects apart.
      hard_pair_share: Share of the pairs of each distance, those of the largest loss, that
        count.
    """

    background_pair_weight: float = 1.0
    other_instance_pair_weight: float = 1.0
    hard_pair_share: float = 1.0


@dataclasses.dataclass
class JointLosses(SemanticLosses, AffinityLosses):
    """The losses of both heads of one network, which are added.

    Attributes:
      semantic_weight: Factor of the semantic loss in the sum.
      affinity_weight: Factor of the affinity loss in the sum.
    """

    semantic_weight: float = 1.0
    affinity_weight: float = 1.0
