"""The training experiments `affinity_seg_semantic`, `affinity_seg_affinity`, `affinity_seg_joint`.

The defaults are the paper's recipe on Cityscapes (paper 5, algorithm.md 8): ResNet-101 at output
stride 16, 513 crops, SGD with momentum 0.9, batch 16 (per GPU in the paper: set
`global_batch_size` to 16 times the GPUs), rate 0.02 times 0.7 every 15k steps, weight decay 1e-4.
Other runs are YAML overrides in configs/experiments. The joint network (algorithm.md 10), one trunk
with both heads, is ours; the paper trains two networks.
"""

import dataclasses

from official.modeling import optimization

from affinity_seg import class_tables, neighbors
from affinity_seg.configs import losses as losses_config
from affinity_seg.configs import networks, schedules, training_data
from affinity_seg.model_garden import config_definitions as cfg
from affinity_seg.model_garden import exp_factory

SEMANTIC = "affinity_seg_semantic"
AFFINITY = "affinity_seg_affinity"
JOINT = "affinity_seg_joint"
KINDS = {SEMANTIC: "semantic", AFFINITY: "affinity", JOINT: "joint"}
"""The kind of network that an experiment trains, whose task has the same name."""
PARTS = {SEMANTIC: ("semantic",), AFFINITY: ("affinity",), JOINT: ("semantic", "affinity")}
"""What the channels of the network's logits are, in their order."""
MODULES = ("backbone", "decoder", "head")
"""The parts of a network in its checkpoints; the decoder is the ASPP."""


@dataclasses.dataclass
class SegmentationTask(cfg.TaskConfig):
    """What all tasks share.

    Attributes:
      class_table: "cityscapes", "cityscapes_19" or the path of a YAML class table.
      init_checkpoint: Checkpoint (or folder) to start from; empty for fresh weights.
      init_checkpoint_modules: What is taken from it, some of `MODULES`. The networks differ in the
        channels of the head only, so one may start from backbone and decoder of the other.
      foreground_share: Guessed share of the pixels that show an object, where fresh logits start.
        0: they start at 0, as in the paper.
      freeze_batch_norm: Whether BatchNorm keeps the statistics, scales and offsets it starts with
        and uses them as in inference, for fine-tuning.
      accumulated_batches: For less memory, a replica processes its batch in this many parts, one
        after the other, and adds up their gradients before a step. BatchNorm normalises each part
        by itself.
    """

    class_table: str = "cityscapes"
    init_checkpoint_modules: list[str] = dataclasses.field(default_factory=lambda: list(MODULES))
    foreground_share: float = 0.0
    freeze_batch_norm: bool = False
    accumulated_batches: int = 1
    model: networks.Network = dataclasses.field(default_factory=networks.Network)
    train_data: training_data.DataConfig = dataclasses.field(
        default_factory=lambda: training_data.DataConfig(
            is_training=True, global_batch_size=16, shuffle_buffer_size=200
        )
    )
    validation_data: training_data.DataConfig = dataclasses.field(
        default_factory=lambda: training_data.DataConfig(
            is_training=False, global_batch_size=1, drop_remainder=False, crop_size=[1024, 2048]
        )
    )
    losses: losses_config.Losses = dataclasses.field(default_factory=losses_config.Losses)
    allow_image_summary: bool = True

    def objective_weights(self) -> list[float]:
        """Returns the factor of each loss, in the order of `PARTS`."""
        return [getattr(self.losses, f"{part}_weight", 1.0) for part in PARTS[self.name]]

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        for name in ("train_data", "validation_data"):
            try:
                getattr(self, name).check()
            except ValueError as error:
                raise ValueError(f"task.{name}: {error}") from error
        if self.validation_data.drop_remainder:
            raise ValueError(
                "`task.validation_data.drop_remainder` must be false, or images are left out: True"
            )
        batch, parts = self.train_data.global_batch_size, self.accumulated_batches
        if parts < 1 or batch % parts:
            raise ValueError(
                f"`task.accumulated_batches` must divide the `global_batch_size` {batch}: {parts}"
            )
        class_tables.load_class_table(self.class_table)
        if not self.init_checkpoint_modules or set(self.init_checkpoint_modules) - set(MODULES):
            raise ValueError(
                f"`task.init_checkpoint_modules` must name some of {list(MODULES)}: "
                f"{self.init_checkpoint_modules}"
            )
        if not 0 <= self.foreground_share < 1:
            raise ValueError(f"`foreground_share` must be in [0, 1): {self.foreground_share}")
        self.model.check()
        if self.model.num_channels != 3 and self.train_data.microscope.is_used:
            raise ValueError(
                "`train_data.microscope` must be off for images that are not RGB or grey, with "
                f"`model.num_channels` {self.model.num_channels}"
            )
        stride, sample = self.model.output_stride, self.losses.sample_stride
        if sample < 1 or stride % sample:
            raise ValueError(
                f"`losses.sample_stride` must divide the output stride {stride}: {sample}"
            )
        # Asked this way, NaN breaks the rule as well.
        if not self.losses.l2_weight_decay >= 0:
            raise ValueError(
                f"`losses.l2_weight_decay` must not be negative: {self.losses.l2_weight_decay}"
            )


@dataclasses.dataclass
class SemanticTask(SegmentationTask):
    """Semantic network: softmax over the classes."""

    name: str = SEMANTIC
    losses: losses_config.SemanticLosses = dataclasses.field(
        default_factory=losses_config.SemanticLosses
    )

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        super().check()
        num_classes = class_tables.load_class_table(self.class_table).num_classes
        weights = self.losses.class_weights
        if len(weights) not in (0, num_classes) or not all(weight >= 0 for weight in weights):
            raise ValueError(
                f"`losses.class_weights` must be empty or give each of the {num_classes} classes "
                f"a weight that is not negative: {weights}"
            )
        if not 0 < self.losses.hard_pixel_share <= 1:
            raise ValueError(
                f"`losses.hard_pixel_share` must be in (0, 1]: {self.losses.hard_pixel_share}"
            )


@dataclasses.dataclass
class AffinityTask(SegmentationTask):
    """Affinity network: sigmoids, 8 for each of `distances` (pixels)."""

    name: str = AFFINITY
    losses: losses_config.AffinityLosses = dataclasses.field(
        default_factory=losses_config.AffinityLosses
    )
    distances: list[int] = dataclasses.field(default_factory=lambda: list(neighbors.DISTANCES))

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        super().check()
        if not self.distances or min(self.distances) < 1:
            raise ValueError(f"`distances` must be positive pixels: {self.distances}")
        if any(a >= b for a, b in zip(self.distances, self.distances[1:], strict=False)):
            raise ValueError(f"`distances` must be strictly increasing: {self.distances}")
        for name in ("background_pair_weight", "other_instance_pair_weight"):
            if not getattr(self.losses, name) >= 0:
                raise ValueError(
                    f"`losses.{name}` must not be negative: {getattr(self.losses, name)}"
                )
        if not 0 < self.losses.hard_pair_share <= 1:
            raise ValueError(
                f"`losses.hard_pair_share` must be in (0, 1]: {self.losses.hard_pair_share}"
            )


@dataclasses.dataclass
class JointTask(SemanticTask, AffinityTask):
    """One network with both heads: the channels of the classes, then those of the affinities."""

    name: str = JOINT
    losses: losses_config.JointLosses = dataclasses.field(default_factory=losses_config.JointLosses)

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        super().check()
        for name in ("semantic_weight", "affinity_weight"):
            if not getattr(self.losses, name) > 0:
                raise ValueError(f"`losses.{name}` must be positive: {getattr(self.losses, name)}")


@dataclasses.dataclass
class Experiment(cfg.ExperimentConfig):
    """An experiment whose `validate` also checks its task, and the steps against the schedule."""

    task: SegmentationTask = dataclasses.field(default_factory=SegmentationTask)

    def validate(self) -> None:
        """Raises ValueError if a field breaks a rule, FileNotFoundError without class table."""
        super().validate()
        self.task.check()
        if self.trainer.train_steps < 1:
            raise ValueError(f"`trainer.train_steps` must be positive: {self.trainer.train_steps}")
        schedules.check(self.trainer)
        average = self.trainer.optimizer_config.ema
        optimizer = self.trainer.optimizer_config.optimizer
        if average is not None and optimizer.type.endswith("_experimental"):
            raise ValueError(
                "`trainer.optimizer_config.optimizer.type` must be one that takes a moving average "
                f"of the weights, such as adam, with `trainer.optimizer_config.ema`: "
                f"{optimizer.type!r}"
            )
        if average is not None and average.trainable_weights_only:
            raise ValueError(
                "`trainer.optimizer_config.ema.trainable_weights_only` must be false, since the "
                "statistics of BatchNorm belong to the averaged weights: True"
            )
        if average is not None and self.runtime.mixed_precision_dtype == "float16":
            raise ValueError(
                "`runtime.mixed_precision_dtype` must not be float16 with "
                "`trainer.optimizer_config.ema`, since the optimizer that scales losses takes no "
                "moving average of the weights; bfloat16 needs no scaled losses: float16"
            )
        for name in ("hard_pixel_share", "hard_pair_share"):
            share = getattr(self.task.losses, name, 1.0)
            if self.runtime.enable_xla and share < 1:
                raise ValueError(
                    f"`task.losses.{name}` must be 1 with `runtime.enable_xla`, since XLA compiles "
                    f"no number of hard examples that changes from step to step: {share}"
                )


def _paper_trainer(train_steps: int, metric: str) -> cfg.TrainerConfig:
    """The paper's optimizer and schedule; momentum is a choice of ours, the paper gives none.

    The best checkpoint by `metric` of the validations is kept as well.
    """
    return cfg.TrainerConfig(
        best_checkpoint_export_subdir="best",
        best_checkpoint_eval_metric=metric,
        train_steps=train_steps,
        steps_per_loop=100,
        summary_interval=100,
        checkpoint_interval=1000,
        validation_interval=5000,
        max_to_keep=3,
        optimizer_config=optimization.OptimizationConfig(
            {
                "optimizer": {"type": "sgd", "sgd": {"momentum": 0.9}},
                "learning_rate": {
                    "type": "exponential",
                    "exponential": {
                        "initial_learning_rate": 0.02,
                        "decay_steps": 15000,
                        "decay_rate": 0.7,
                        "staircase": True,
                    },
                },
            }
        ),
    )


@exp_factory.register_config_factory(SEMANTIC)
def semantic_experiment() -> Experiment:
    """Step 1 of the paper's semantic training, 100k iterations (5.1)."""
    return Experiment(task=SemanticTask(), trainer=_paper_trainer(100_000, "mean_iou"))


@exp_factory.register_config_factory(AFFINITY)
def affinity_experiment() -> Experiment:
    """The paper's instance training, 120k iterations (5.1)."""
    return Experiment(task=AffinityTask(), trainer=_paper_trainer(120_000, "average_precision"))


@exp_factory.register_config_factory(JOINT)
def joint_experiment() -> Experiment:
    """Both heads on one trunk, for as many iterations as the paper's longer training."""
    return Experiment(task=JointTask(), trainer=_paper_trainer(120_000, "average_precision"))
