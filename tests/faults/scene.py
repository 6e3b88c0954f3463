"""What the runs that are disturbed work on: small streets, two tiny networks, a preset."""

import os
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf
from official.core import exp_factory

from affinity_seg import files
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.configs import experiments
from affinity_seg.data import listing
from affinity_seg.data.items import Item
from affinity_seg.modeling import loading, network_folder
from affinity_seg.tasks import registry_imports  # noqa: F401
from synthetic.scene import render_street

PRESET = """
cell_size: 16
crop_size: 65
bucket: 32
max_zoom: 2.0
min_pixels: 20
max_input_pixels: 262144
thresholds: [0.7, 0.6, 0.5]
"""

HEIGHT, WIDTH = 64, 128
SMALL = (slice(30, 50), slice(20, 50))
"""The part of the first street that is the small image."""


_NAMES = ("data", "small", "networks", "preset.yaml")


class Scene(NamedTuple):
    """Folders and files of a scene.

    Attributes:
      data_dir: Data set in layout `folder`, with the classes of Cityscapes.
      small_dir: The same of one very small image, `SMALL`.
      checkpoint: Folder of both networks.
      preset: YAML file.
    """

    data_dir: str
    small_dir: str
    checkpoint: str
    preset: str

    def items(self) -> list[Item]:
        """Returns the images."""
        return listing.list_images(self.data_dir, "folder")


def write(folder: str, images: int) -> Scene:
    """Writes a scene; the same number of images gives the same files.

    Args:
      folder: Where it is written, made if needed.
      images: Number of streets.
    """
    scene = Scene(*(os.path.join(folder, name) for name in _NAMES))
    for index in range(images):
        street = render_street(HEIGHT, WIDTH, np.random.default_rng([1, index]))
        _write_street(scene.data_dir, index, street.image, street.instance_ids)
        if not index:
            _write_street(scene.small_dir, 0, street.image[SMALL], street.instance_ids[SMALL])
    with open(scene.preset, "w", encoding="utf-8") as file:
        file.write(PRESET)
    picture = cv2.imread(scene.items()[0].image_path)
    for kind, name in (("semantic", experiments.SEMANTIC), ("affinity", experiments.AFFINITY)):
        write_network(os.path.join(scene.checkpoint, kind), name, picture)
    return scene


def _write_street(data_dir: str, index: int, image: np.ndarray, instance_ids: np.ndarray) -> None:
    """Writes image and truth of a street into a data set."""
    image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    for part, pixels in (("images", image), ("instances", instance_ids)):
        path = os.path.join(data_dir, part, f"street_{index:03}.png")
        files.write_bytes(path, cv2.imencode(".png", pixels)[1].tobytes())


def write_network(folder: str | os.PathLike, name: str, picture: np.ndarray) -> None:
    """Writes a small network whose random weights say different things all over a picture.

    Args:
      folder: Of the network, as `affinity_seg train` writes it.
      name: Of the experiment.
      picture: uint8 [H, W, C]; the network takes C channels.
    """
    params = exp_factory.get_exp_config(name)
    small = {"preset": "small", "units": [1, 1, 1, 1], "width": 4, "output_stride": 8}
    params.task.model.override({"backbone": {"resnet_v1": small}, "aspp": {"filters": 8}})
    count = picture.shape[2]
    if count != 3:
        params.task.model.override({"num_channels": count, "pixel_mean": [100.0] * count})
    tf.keras.utils.set_random_seed(3)
    network = loading.KerasNetwork(params.task, CITYSCAPES)
    logits = network.logits(network.normalize(picture[None])).numpy()
    kernel, bias = network.model.head.trainable_variables[-2:]
    scale = 3 / logits.std(axis=(0, 1, 2))
    kernel.assign(kernel * scale)
    bias.assign(-logits.mean(axis=(0, 1, 2)) * scale + (name == experiments.AFFINITY))
    folder = os.fspath(folder)
    network_folder.claim_model_dir(folder, params, CITYSCAPES)
    tf.train.Checkpoint(model=network.model).save(os.path.join(folder, "ckpt"))
