"""The library in three calls.

    import affinity_seg

    model = affinity_seg.load("runs/demo", preset="demo")
    found = affinity_seg.segment(model, "street.png")
    picture = affinity_seg.draw("street.png", found)

The results are those of tools/segment.py.
"""

import abc
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import affinity_seg.ops  # noqa: F401  # Registers the ops of exported models.
from affinity_seg import labels
from affinity_seg.configs import inference
from affinity_seg.data import pictures
from affinity_seg.inference import prediction_runs
from affinity_seg.inference.errors import errors_named
from affinity_seg.inference.images import read_image
from affinity_seg.inference.merging import GraphMerger
from affinity_seg.inference.networks import Predictor
from affinity_seg.instances import Instances
from affinity_seg.modeling import loading
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel
from affinity_seg.visualization import overlays

Image = str | os.PathLike | np.ndarray
"""A PNG, JPEG or BMP file, which is turned as its EXIF data says, or uint8 RGB [H, W, 3]."""


class Segmentation(NamedTuple):
    """The instances of one image, in raster order of their first pixel.

    Attributes:
      instance_ids: int32 [H, W], 0 on background, 1..N.
      classes: int32 [N], index in the class table.
      class_names: The names of these classes, N of them.
      scores: float32 [N], 0..1.
      sizes: int64 [N], pixels.
      boxes: int32 [N, 4], (y0, x0, y1, x1), ends exclusive, pixels.
      class_table: All classes of the model.
    """

    instance_ids: np.ndarray
    classes: np.ndarray
    class_names: tuple[str, ...]
    scores: np.ndarray
    sizes: np.ndarray
    boxes: np.ndarray
    class_table: labels.ClassTable


class Model(abc.ABC):
    """What `load` gives.

    Attributes:
      class_table: The classes.
      config: The preset with its changes.
    """

    def __init__(self, class_table: labels.ClassTable, config: inference.InferenceConfig):
        self.class_table = class_table
        self.config = config

    @abc.abstractmethod
    def instances(self, image: np.ndarray, fields: dict[str, Any]) -> Instances:
        """Returns the instances of uint8 RGB [H, W, 3], with some fields of `config` changed.

        Raises:
          ValueError: A field is unknown, breaks a rule, or can only be chosen by `load`.
        """


def load(
    checkpoint: str | os.PathLike | Sequence[str | os.PathLike],
    preset: str | None = None,
    **fields: Any,
) -> Model:
    """Loads trained networks or an exported model.

    Args:
      checkpoint: A folder with the networks `semantic/` and `affinity/`, as `make demo` makes it;
        or a pair, the folders of the semantic and of the affinity network; or what
        tools/export_saved_model.py wrote.
      preset: Name of a file of configs/presets, or path of a YAML file; None for the paper's best
        row. An exported model has its own.
      **fields: Changes of the preset, such as `min_pixels=50`.

    Raises:
      FileNotFoundError: A network or the preset is missing.
      ValueError: Networks, preset and fields do not fit each other, or a preset is given for an
        exported model.
    """
    if isinstance(checkpoint, str | os.PathLike):
        folder = os.fspath(checkpoint)
        exported = saved_model.find_version(folder)
        if exported is not None:
            if preset is not None or fields:
                raise ValueError(f"{exported}: an exported model has its own preset: {preset!r}")
            return _Exported(exported)
        dirs = loading.network_dirs(folder)
    else:
        dirs = tuple(map(os.fspath, checkpoint))
        if len(dirs) != 2:
            raise ValueError(f"`checkpoint` must be one folder or a pair of folders: {dirs}")
    config = inference.load_config(inference.BEST_PRESET if preset is None else preset)
    return _Networks(*dirs, inference.change(config, fields))


def segment(model: Model, image: Image, **fields: Any) -> Segmentation:
    """Finds the instances of one image.

    Args:
      model: What `load` gave.
      image: A PNG, JPEG or BMP file, or uint8 RGB [H, W, 3].
      **fields: Changes of the model's preset for this image, such as `min_pixels=50`.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The file is no picture, the array is no image, or a field is wrong.
    """
    pixels, name = _read(image)
    with errors_named(name):
        found = model.instances(pixels, fields)
    return Segmentation(
        instance_ids=found.instance_ids,
        classes=found.classes,
        class_names=tuple(model.class_table.class_names[index] for index in found.classes),
        scores=found.scores,
        sizes=found.sizes,
        boxes=found.boxes,
        class_table=model.class_table,
    )


def draw(image: Image, found: Segmentation, has_labels: bool = True) -> np.ndarray:
    """Draws the instances over their image, each with contour, class and score.

    Args:
      image: The image that was segmented, as for `segment`.
      found: Its instances.
      has_labels: Whether class names and scores are drawn.

    Returns:
      uint8 RGB; small images are enlarged.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The image is not as large as `found.instance_ids`.
    """
    pixels, name = _read(image)
    with errors_named(name):
        return overlays.draw_instances(pixels, found, found.class_table, has_labels)


class _Networks(Model):
    """Both networks, and the merge outside of them."""

    def __init__(self, semantic_dir: str, affinity_dir: str, config: inference.InferenceConfig):
        networks, class_table = prediction_runs.load_networks(config, semantic_dir, affinity_dir)
        super().__init__(class_table, config)
        self._networks = networks
        self._pipeline(config)  # Says what does not fit.

    def instances(self, image: np.ndarray, fields: dict[str, Any]) -> Instances:
        config = inference.change(self.config, fields)
        for name in inference.NETWORK_FIELDS:
            if getattr(config, name) != getattr(self.config, name):
                raise ValueError(f"`{name}` is chosen by `load`, not for one image: {fields[name]}")
        predictor, merger = self._pipeline(config)
        return merger.merge(predictor.predict(image))

    def _pipeline(self, config: inference.InferenceConfig) -> tuple[Predictor, GraphMerger]:
        return Predictor(*self._networks, config), GraphMerger(config, self.class_table)


class _Exported(Model):
    """A SavedModel that has all of it inside."""

    def __init__(self, folder: str):
        config = inference.load_config(os.path.join(folder, saved_model.EXTRA, "preset.yaml"))
        super().__init__(saved_model.read_class_table(folder), config)
        self._model = ExportedModel(folder)

    def instances(self, image: np.ndarray, fields: dict[str, Any]) -> Instances:
        if fields:
            raise ValueError(f"an exported model has its own preset: {sorted(fields)}")
        return self._model.segment(image)


def _read(image: Image) -> tuple[np.ndarray, str]:
    """Returns the pixels of an image, uint8 RGB [H, W, 3], and its name for messages."""
    if isinstance(image, str | os.PathLike):
        path = os.fspath(image)
        return read_image(path), path
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"`image` must be a file, or uint8 RGB [H, W, 3]: {pixels.dtype} {list(pixels.shape)}"
        )
    pictures.check_size("`image`", *pixels.shape[:2])
    return pixels, "image"
