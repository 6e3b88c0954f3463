"""Small networks with random weights, for tests of what uses trained ones."""

import tensorflow as tf
from official.core import exp_factory

from affinity_seg.configs import experiments
from affinity_seg.labels import CITYSCAPES
from affinity_seg.modeling import loading
from affinity_seg.tasks import registry_imports  # noqa: F401

PRESET = """
cell_size: 16
crop_size: 65
bucket: 32
max_zoom: 2.0
min_pixels: 20
max_input_pixels: 262144
thresholds: [0.7, 0.6, 0.5]
"""


def write_network(folder, name, picture):
    """Writes a small network whose random weights say different things all over a picture."""
    params = exp_factory.get_exp_config(name)
    small = {"preset": "small", "units": [1, 1, 1, 1], "width": 4, "output_stride": 8}
    params.task.model.override({"backbone": {"resnet_v1": small}, "aspp": {"filters": 8}})
    tf.keras.utils.set_random_seed(3)
    network = loading.Network(params.task, CITYSCAPES)
    logits = network.logits(network.normalize(picture[None])).numpy()
    kernel, bias = network.model.head.trainable_variables[-2:]
    scale = 3 / logits.std(axis=(0, 1, 2))
    kernel.assign(kernel * scale)
    bias.assign(-logits.mean(axis=(0, 1, 2)) * scale + (name == experiments.AFFINITY))
    loading.claim_model_dir(str(folder), params, CITYSCAPES)
    tf.train.Checkpoint(model=network.model).save(str(folder / "ckpt"))
