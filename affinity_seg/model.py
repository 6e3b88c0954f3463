"""The library's interface: load a model, segment an image, draw its instances.

    import affinity_seg

    model = affinity_seg.load("nuclei")
    found = model.segment("cells.png")
    picture = affinity_seg.draw("cells.png", found)

The results are those of the verb `segment`.
"""

import contextlib
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from affinity_seg import model_folder
from affinity_seg.configs import inference
from affinity_seg.data import picture_arrays, pictures, windows
from affinity_seg.data.plane_choice import PlaneChoice, choose
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.instances import Instances
from affinity_seg.pipeline import large, prediction_runs
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.serving import saved_model
from affinity_seg.serving.exported import ExportedModel
from affinity_seg.visualization import overlays

Image = str | os.PathLike | np.ndarray
"""A PNG, JPEG, BMP or TIFF file, turned by its EXIF orientation; or an array: grey [H, W], RGB
[H, W, 3] or RGBA [H, W, 4] of 8 or 16 bits or real numbers, see `picture_arrays.from_array`."""


class Model:
    """A model that segments images; `load` makes it.

    Attributes:
      class_table: The classes.
      config: The preset, with the fields that were changed.
    """

    def __init__(self, segmenter: Segmenter | ExportedModel):
        self.class_table = segmenter.class_table
        self.config = segmenter.config
        self._segmenter = segmenter

    def segment(
        self,
        image: Image | Sequence[Image],
        *,
        page: int | None = None,
        channels: int | Sequence[int] | None = None,
        diameter: float | None = None,
        **fields: Any,
    ) -> Instances | list[Instances]:
        """Finds the instances of one image, or of each in a list.

        A large image is segmented in parts, if the preset has no regions: see `pipeline.large`. A
        warning tells of objects that may be cut by that.

        Args:
          image: A file or an array, see `Image`; or a list or tuple of them.
          page: Page of a TIFF file with several; the first is 1.
          channels: Channels of a file or array with others than grey or RGB: one number, three for
            red, green and blue, or as many as the model has; the first is 1.
          diameter: Diameter of most objects, pixels of the image: instead of measuring what is
            found, for presets with `zoom: auto`.
          **fields: Changes of the model's preset for this call, such as `min_pixels=50`.

        Returns:
          The instances in NumPy, or a list of them.

        Raises:
          FileNotFoundError: There is no such file.
          ValueError: The file is not a picture, the array is not an image, page or channels do
            not exist or must be chosen, or a field is unknown, breaks a rule or can only be set by
            `load`.
        """
        segmenter, choice = self._changed(fields, diameter), choose(page, channels)
        if isinstance(image, list | tuple):
            return [_segment(segmenter, one, choice) for one in image]
        return _segment(segmenter, image, choice)

    def export(self, folder: str | os.PathLike) -> None:
        """Writes the model as a SavedModel, which can be loaded without this Python package.

        A program that loads it needs the op, see docs/serving.md.

        Args:
          folder: New or empty folder.

        Raises:
          FileExistsError: `folder` is not empty.
          ValueError: The model was itself loaded from a SavedModel.
        """
        if not isinstance(self._segmenter, Segmenter):
            raise ValueError("the model is an exported one: copy its folder")
        saved_model.write(self._segmenter, os.fspath(folder), warmup=False)

    def _changed(self, fields: dict[str, Any], diameter: float | None) -> Segmenter | ExportedModel:
        """Returns the segmenter with some fields of `config` changed, see `segment`."""
        if not fields and diameter is None:
            return self._segmenter
        if not isinstance(self._segmenter, Segmenter):
            given = sorted(fields) if diameter is None else [*sorted(fields), "diameter"]
            raise ValueError(f"an exported model has its own preset: {given}")
        config = inference.change(self.config, fields)
        if diameter is not None:
            config = inference.at_diameter(config, diameter)
        for name in inference.NETWORK_FIELDS:
            if getattr(config, name) != getattr(self.config, name):
                raise ValueError(f"`{name}` is chosen by `load`, not for one image: {fields[name]}")
        networks = self._segmenter.networks
        return Segmenter(networks[0], networks[-1], config)


def load(model: str | os.PathLike, preset: str | os.PathLike | None = None, **fields: Any) -> Model:
    """Loads a model: one that ships with the library, trained networks, or an exported model.

    Args:
      model: A folder with networks and model.yaml, such as `make demo` and training write; an
        exported model, as `affinity_seg export` writes; or the name of a shipped model, see
        `affinity_seg models`. A folder that exists is taken before a name.
      preset: Name of a file of configs/presets, or path of a YAML file, to be used instead of the
        folder's own. An exported model has its own.
      **fields: Changes of the preset, such as `min_pixels=50`.

    Raises:
      FileNotFoundError: The model, a network or the preset is missing.
      ValueError: Networks, preset and fields do not fit each other, or a preset is given for an
        exported model.
    """
    name_or_folder = os.fspath(model)
    exported = saved_model.find_version(name_or_folder)
    if exported is not None:
        if preset is not None or fields:
            given = sorted(fields) if preset is None else preset
            raise ValueError(f"{exported}: an exported model has its own preset: {given!r}")
        return Model(ExportedModel(exported))
    described = model_folder.read(name_or_folder)
    config = described.config(None if preset is None else os.fspath(preset))
    config = inference.change(config, fields)
    return Model(prediction_runs.load_segmenter(config, *described.network_dirs))


def draw(
    image: Image,
    found: Instances,
    has_labels: bool = True,
    *,
    page: int | None = None,
    channels: int | Sequence[int] | None = None,
) -> np.ndarray:
    """Draws the instances over their image, each with contour, class and score.

    Args:
      image: The image that was segmented, as for `Model.segment`.
      found: Its instances.
      has_labels: Whether class names and scores are drawn.
      page: As for `Model.segment`.
      channels: As for `Model.segment`.

    Returns:
      uint8 RGB; small images are enlarged.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: The image is not as large as `found.instance_ids`.
    """
    picture, name = _open(image, choose(page, channels))
    with contextlib.closing(picture), errors_named(name):
        pixels = pictures.as_rgb(picture.whole())
        return overlays.draw_instances(pixels, found, found.class_table, has_labels)


def _segment(segmenter: Segmenter | ExportedModel, image: Image, choice: PlaneChoice) -> Instances:
    picture, name = _open(image, choice)
    with contextlib.closing(picture), errors_named(name):
        found = large.find(segmenter, picture)
    if found.warning:
        warnings.warn(f"{name}: {found.warning}", stacklevel=3)
    return found.instances.whole()._replace(class_table=segmenter.class_table)


def _open(image: Image, choice: PlaneChoice) -> tuple[WindowedPicture, str]:
    """Returns an image, and its name for messages."""
    if isinstance(image, str | os.PathLike):
        path = os.fspath(image)
        return windows.open_picture(path, choice), path
    return WindowedPicture(picture_arrays.from_array(np.asarray(image), choice)), "image"
