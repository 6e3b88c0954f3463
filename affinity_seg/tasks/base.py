"""What the semantic and the affinity task share."""

import abc
import functools

import tensorflow as tf
import tf_keras
from absl import logging
from official.core import base_task, input_reader

from affinity_seg import labels
from affinity_seg.configs import experiments
from affinity_seg.dataloaders import parser, step_inputs
from affinity_seg.losses import replicas
from affinity_seg.modeling import initialization, networks
from affinity_seg.tasks import accumulation, finite


class SegmentationTask(base_task.Task):
    """Builds the network and its input; a subclass adds outputs, losses, metrics and pictures.

    A subclass's `build_losses` also takes a `normalizer`: the `loss_weight` of the whole batch,
    averaged over the replicas, where the loss is wanted of a part of it.
    """

    def __init__(self, params: experiments.SegmentationTask, logging_dir=None, name=None):
        super().__init__(params, logging_dir=logging_dir, name=name)
        self.class_table = labels.load_class_table(params.class_table)

    @property
    @abc.abstractmethod
    def num_outputs(self) -> int:
        """Channels of the logits."""

    @abc.abstractmethod
    def loss_weight(self, labels: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns what the loss of a batch is divided by, a float32 scalar."""

    @abc.abstractmethod
    def panels(self, images: tf.Tensor, truth: dict, outputs: dict) -> dict[str, tf.Tensor]:
        """Returns pictures of a batch, uint8 [1, height, width, 3], by TensorBoard name."""

    def build_model(self) -> tf_keras.Model:
        """Builds the network with fresh weights."""
        model = networks.build_network(
            self.task_config.model, self.num_outputs, self.task_config.losses.l2_weight_decay
        )
        if self.task_config.freeze_batch_norm:
            networks.freeze_batch_norm(model)
        return model

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
        checkpoint = initialization.start_from(path, model, modules, self.class_table)
        logging.info("Started with %s of %s.", modules, checkpoint)

    def build_inputs(
        self,
        params: experiments.DataConfig,
        input_context: tf.distribute.InputContext | None = None,
    ) -> tf.data.Dataset:
        """Returns batches of crops, see `parser.Parser`.

        Workers of a tf.data service make different crops, whatever the seed.
        """
        seed = None if params.enable_tf_data_service else params.seed
        reader = input_reader.InputReader(
            params,
            dataset_fn=tf.data.TFRecordDataset,
            decoder_fn=parser.decode,
            sample_fn=lambda examples: tf.data.Dataset.zip(
                tf.data.Dataset.random(seed=seed).batch(2), examples
            ),
            parser_fn=parser.Parser(
                params,
                self.class_table,
                functools.partial(networks.stretch_contrast, self.task_config.model),
            ),
        )
        return reader.read(input_context=input_context)

    def prepare(self, crops: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns a batch's (images float32 [B, H, W, 3], labels), see `step_inputs.prepare`."""
        normalize = functools.partial(networks.normalize, self.task_config.model)
        return step_inputs.prepare(crops, self.class_table, normalize)

    def train_step(self, inputs, model: tf_keras.Model, optimizer, metrics=None) -> dict:
        """Makes Model Garden's training step of a batch of crops.

        Raises:
          tf.errors.InvalidArgumentError: The loss is NaN or infinite; see `finite.message`.
        """
        batch = self.prepare(inputs)
        parts = self.task_config.accumulated_batches
        if parts == 1:
            logs = super().train_step(batch, model, optimizer, metrics)
        else:
            normalizer = replicas.mean_over_replicas(self.loss_weight(batch[1]))

            def loss_of(part):
                images, truth = part
                outputs = model(images, training=True)
                aux_losses = [loss / parts for loss in model.losses]
                return self.build_losses(truth, outputs, aux_losses, normalizer)

            loss = accumulation.step(accumulation.split(batch, parts), loss_of, model, optimizer)
            logs = {self.loss: loss}
        finite.require_loss(logs[self.loss], inputs["filename"])
        return logs

    def validation_step(self, inputs, model: tf_keras.Model, metrics=None) -> dict:
        """Updates loss and metrics with a batch of crops, and draws its first image."""
        images, truth = self.prepare(inputs)
        outputs = self.inference_step(images, model)
        logs = {self.loss: self.build_losses(truth, outputs, model.losses)}
        self.process_metrics(metrics or [], truth, outputs)
        if self.task_config.allow_image_summary:
            first = tf.nest.map_structure(lambda x: x[:1], (images, truth, outputs))
            logs["panels"] = self.panels(*first)
        return logs

    def aggregate_logs(self, state=None, step_outputs=None) -> dict:
        """Keeps the pictures of the first batch of an evaluation (of the first replica)."""
        if state is not None:
            return state
        panels = (step_outputs or {}).get("panels", {})
        return {"panels": {name: replicas[0] for name, replicas in panels.items()}}

    def reduce_aggregated_logs(self, aggregated_logs, global_step=None) -> dict:
        """Writes the kept pictures to TensorBoard (Orbit's summary writer is the default here)."""
        for name, picture in aggregated_logs["panels"].items():
            tf.summary.image(name, picture, step=global_step)
        return {}

    def image_panel(self, images: tf.Tensor) -> tf.Tensor:
        """Returns normalised images as uint8 pictures."""
        model = self.task_config.model
        images = images * model.pixel_scale + tf.constant(list(model.pixel_mean))
        return tf.saturate_cast(tf.round(images), tf.uint8)
