"""The task that trains a network: the semantic one, the affinity one, or both in one network."""

import copy
import functools

import numpy as np
import tensorflow as tf
import tf_keras
from absl import logging
from official.core import base_task, input_reader, task_factory

from affinity_seg import class_tables, common
from affinity_seg.configs import experiments, training_data
from affinity_seg.data import graph_examples
from affinity_seg.dataloaders import parser, step_inputs
from affinity_seg.losses import replicas
from affinity_seg.modeling import initialization, inputs, networks
from affinity_seg.tasks import accumulation, affinity, finite, semantic
from affinity_seg.tasks import metrics as metrics_lib

_OBJECTIVES = {"semantic": semantic.SemanticObjective, "affinity": affinity.AffinityObjective}


@task_factory.register_task_cls(experiments.JointTask)
@task_factory.register_task_cls(experiments.AffinityTask)
@task_factory.register_task_cls(experiments.SemanticTask)
class SegmentationTask(base_task.Task):
    """Builds the network and its input, losses, scores and pictures.

    What the network learns is one objective or two; each has its own channels of the logits, in the
    order of `experiments.PARTS`. A step runs completely on the device of its replica, and can be
    compiled by XLA.
    """

    def __init__(self, params: experiments.SegmentationTask, logging_dir=None, name=None):
        super().__init__(params, logging_dir=logging_dir, name=name)
        self.class_table = class_tables.load_class_table(params.class_table)
        self.objectives = [
            _OBJECTIVES[part](params, self.class_table) for part in experiments.PARTS[params.name]
        ]
        self.loss_watch: finite.LossWatch | None = None
        self._sums: list[metrics_lib.Sums] = []

    @property
    def num_outputs(self) -> int:
        """Channels of the logits."""
        return sum(objective.num_outputs for objective in self.objectives)

    def _logits(self, model_outputs: dict[str, tf.Tensor]) -> list[tf.Tensor]:
        """Returns the logits of each objective."""
        sizes = [objective.num_outputs for objective in self.objectives]
        return tf.split(model_outputs["logits"], sizes, axis=-1)

    def build_losses(self, labels, model_outputs, aux_losses=None, normalizer=None) -> tf.Tensor:
        """Returns the weighted sum of the objectives' losses, plus weight decay.

        Args:
          labels: The labels of a batch.
          model_outputs: The network's outputs.
          aux_losses: Losses that are added.
          normalizer: For a part of a batch: the divisor of the loss of each objective.
        """
        normalizers = normalizer or [None] * len(self.objectives)
        columns = (
            self.objectives,
            self.task_config.objective_weights(),
            self._logits(model_outputs),
            normalizers,
        )
        total = tf.add_n(
            [
                weight * objective.loss(labels, logits, divisor)
                for objective, weight, logits, divisor in zip(*columns, strict=True)
            ]
        )
        return total + tf.cast(tf.add_n(aux_losses), total.dtype) if aux_losses else total

    def count_shapes(self) -> dict[str, list[int]]:
        """Returns the shapes of the arrays that a validation adds up, by name."""
        return {k: v for objective in self.objectives for k, v in objective.count_shapes().items()}

    def _count(self, labels: dict[str, tf.Tensor], outputs: dict) -> dict[str, tf.Tensor]:
        """Returns the arrays of one image [1, ...] that a validation adds up, by name."""
        pairs = zip(self.objectives, self._logits(outputs), strict=True)
        return {k: v for one, logits in pairs for k, v in one.count(labels, logits).items()}

    def build_model(self) -> tf_keras.Model:
        """Builds the network with fresh weights."""
        model = networks.build_network(
            self.task_config.model, self.num_outputs, self.task_config.losses.l2_weight_decay
        )
        if self.task_config.foreground_share:
            share = self.task_config.foreground_share
            biases = [objective.initial_biases(share) for objective in self.objectives]
            networks.set_biases(model, np.concatenate(biases))
        if self.task_config.freeze_batch_norm:
            networks.freeze_batch_norm(model)
        return model

    def _build_rgb(self) -> tf_keras.Model:
        """Builds the network for RGB images instead of the channels it has."""
        config = copy.deepcopy(self.task_config.model)
        config.num_channels = inputs.RGB
        config.pixel_mean = [0.0] * inputs.RGB
        return networks.build_network(config, self.num_outputs)

    def initialize(self, model: tf_keras.Model) -> None:
        """Loads `init_checkpoint_modules` of `init_checkpoint`, if there is one.

        Called by Model Garden when the model folder holds no checkpoint to continue from.

        Raises:
          FileNotFoundError: There is no such checkpoint.
          ValueError: It does not hold the weights of this network.
        """
        path = self.task_config.init_checkpoint
        if not path:
            return
        modules = self.task_config.init_checkpoint_modules
        checkpoint = initialization.start_from(
            path, model, modules, self.class_table, self._build_rgb
        )
        logging.info("Started with %s of %s.", modules, checkpoint)

    def build_inputs(
        self,
        params: training_data.DataConfig,
        input_context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        """Returns batches of crops, see `parser.Parser`.

        Workers of a tf.data service make different crops, whatever the seed.
        """
        seed = None if params.enable_tf_data_service else params.seed
        paths = params.input_path
        if params.replayed_path:
            paths = {"new": paths, "replayed": params.replayed_path}
        shares = [1 - params.replayed_share, params.replayed_share]
        reader = input_reader.InputReader(
            params.replace(input_path=paths),
            dataset_fn=tf.data.TFRecordDataset,
            decoder_fn=graph_examples.parse,
            combine_fn=lambda sets: tf.data.Dataset.sample_from_datasets(
                [sets["new"], sets["replayed"]], shares, seed=seed
            ),
            sample_fn=lambda examples: tf.data.Dataset.zip(
                tf.data.Dataset.random(seed=seed).batch(2), examples
            ),
            parser_fn=parser.Parser(
                params,
                self.class_table,
                functools.partial(inputs.stretch_contrast, self.task_config.model),
                self.task_config.model.num_channels,
            ),
        )
        return reader.read(input_context=input_context)

    def prepare(self, crops: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns a batch's (images float32 [B, H, W, C], labels), see `step_inputs.prepare`."""
        normalize = functools.partial(inputs.normalize, self.task_config.model)
        return step_inputs.prepare(crops, self.class_table, normalize)

    def build_metrics(self, training: bool = True) -> list[tf_keras.metrics.Metric]:
        """Makes the task's variables; the task reads them itself, Model Garden gets no metrics."""
        replicas_in_sync = tf.distribute.get_strategy().num_replicas_in_sync
        if training:
            batch = self.task_config.train_data.global_batch_size
            self.loss_watch = finite.LossWatch(batch // replicas_in_sync)
        else:
            self._sums = [metrics_lib.Sums(*item) for item in self.count_shapes().items()]
        return []

    def train_step(self, inputs, model: tf_keras.Model, optimizer, metrics=None) -> dict:
        """Makes Model Garden's training step of a batch of crops; `loss_watch` sees the loss."""
        batch = self.prepare(inputs)
        parts = self.task_config.accumulated_batches
        if parts == 1:
            logs = super().train_step(batch, model, optimizer, metrics)
        else:
            normalizer = [
                replicas.mean_over_replicas(objective.loss_weight(batch[1]))
                for objective in self.objectives
            ]

            def loss_of(part):
                images, truth = part
                outputs = model(images, training=True)
                aux_losses = [loss / parts for loss in model.losses]
                return self.build_losses(truth, outputs, aux_losses, normalizer)

            loss = accumulation.step(accumulation.split(batch, parts), loss_of, model, optimizer)
            logs = {self.loss: loss}
        if self.loss_watch is not None:
            self.loss_watch.update(logs[self.loss], inputs["fingerprint"])
        return logs

    def validation_step(self, inputs, model: tf_keras.Model, metrics=None) -> dict:
        """Adds a batch of images to the sums, and returns its first one to be drawn.

        A replica with fewer images than the others, or none, pads its batch with void images.
        """
        images, truth = self.prepare(self._filled_up(inputs))
        outputs = self.inference_step(images, model)
        logs = {self.loss: self.build_losses(truth, outputs, model.losses)}

        for sums, found in zip(self._sums, self._count_in_turn(truth, outputs), strict=True):
            sums.update_state(found)
        if self.task_config.allow_image_summary:
            first = {"images": images, **truth, **outputs}
            logs["first"] = {name: values[:1] for name, values in first.items()}
        return logs

    def _filled_up(self, crops: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns a validation batch with as many images as each replica has in a full one.

        Without the fingerprints, which only training reads: GPUs cannot pad int64.
        """
        replicas_in_sync = tf.distribute.get_strategy().num_replicas_in_sync
        size = self.task_config.validation_data.global_batch_size // replicas_in_sync
        void = {"instances": parser.OUTSIDE}

        def fill(name: str, values: tf.Tensor) -> tf.Tensor:
            margins = [[0, size - tf.shape(values)[0]], *[[0, 0]] * (values.shape.rank - 1)]
            filled = tf.pad(values, margins, constant_values=void.get(name, 0))
            return tf.ensure_shape(filled, [size, *values.shape[1:]])

        return {name: fill(name, crops[name]) for name in crops if name != "fingerprint"}

    def _count_in_turn(self, truth: dict, outputs: dict) -> list[tf.Tensor]:
        """Returns the sums over the images of a batch of what `_count` returns, float64.

        It works on one image after the other, because counting takes several times the memory of an
        image.
        """
        shapes = self.count_shapes()

        def add_image(index: tf.Tensor, *sums: tf.Tensor) -> tuple[tf.Tensor, ...]:
            image = tf.nest.map_structure(lambda x: x[index : index + 1], (truth, outputs))
            found = self._count(*image)
            added = (tf.cast(found[name], tf.float64) for name in shapes)
            return index + 1, *(a + b for a, b in zip(sums, added, strict=True))

        size = truth[common.LABEL_CLASSES].shape[0]
        zeros = (tf.zeros(shape, tf.float64) for shape in shapes.values())
        start = (tf.constant(0), *zeros)
        _, *sums = tf.while_loop(
            lambda index, *_: index < size, add_image, start, parallel_iterations=1
        )
        return sums

    def aggregate_logs(self, state=None, step_outputs=None) -> dict:
        """Keeps the first image of an evaluation (of the first replica)."""
        if state is not None:
            return state
        first = (step_outputs or {}).get("first", {})
        return {"first": {name: values[0] for name, values in first.items()}}

    def reduce_aggregated_logs(self, aggregated_logs, global_step=None) -> dict:
        """Draws the kept image for TensorBoard and returns the scores of the evaluation."""
        first = aggregated_logs["first"]
        if first:
            pictures = {"input": self._image_panel(first["images"])}
            for objective, logits in zip(self.objectives, self._logits(first), strict=True):
                pictures |= objective.panels(first, logits)
            for name, picture in pictures.items():
                tf.summary.image(name, picture, step=global_step)
        found = {sums.name: sums.result().numpy() for sums in self._sums}
        for sums in self._sums:
            sums.reset_state()
        return {k: v for objective in self.objectives for k, v in objective.scores(found).items()}

    def _image_panel(self, images: tf.Tensor) -> tf.Tensor:
        """Returns normalised images as uint8 pictures."""
        model = self.task_config.model
        images = images * model.pixel_scale + tf.constant(list(model.pixel_mean))
        shown = tf.saturate_cast(tf.round(images), tf.uint8)[..., :3]
        return tf.pad(shown, [[0, 0], [0, 0], [0, 0], [0, max(0, 3 - model.num_channels)]])
