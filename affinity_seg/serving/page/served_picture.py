"""A picture in memory: its networks' logits, and the instances that they are merged into."""

import dataclasses
import io
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from affinity_seg import names
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import image_names, picture_headers, pictures, pixel_sizes
from affinity_seg.data.pixel_sizes import StatedSize
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.export import formats
from affinity_seg.export.formats.picture import SegmentedPicture
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline import kept_logits, merging
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.kept_logits import KeptLogits
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.visualization import layout

FIELDS = ("thresholds", "min_pixels", "min_score")
"""The fields of the preset that the page changes."""

_WIDEST = 4
"""The slider of `min_pixels` ends at this many times the preset's value."""


class BusyError(Exception):
    """The networks are at work on other pictures for too long."""


class Content(NamedTuple):
    """A picture as it was read.

    Attributes:
      filename: Name of its file, `names.without_folders`.
      choice: Page and channels that were chosen.
      values: Those of the file, see `pictures.decode_values`.
      image: uint8 RGB [H, W, 3], or with the channels of the networks [H, W, C].
      pixel_size: The size of a pixel that the file states.
    """

    filename: str
    choice: PlaneChoice
    values: np.ndarray
    image: np.ndarray
    pixel_size: StatedSize


class Merged(NamedTuple):
    """A picture with the instances of one merge.

    Attributes:
      picture: The picture with its instances.
      warning: A line about objects that may be cut, see `large.Found`; None if there are none.
    """

    picture: SegmentedPicture
    warning: str | None


class ServedPicture:
    """A picture and its logits, which are merged as often as thresholds change.

    Several threads may use it.

    Attributes:
      content: The picture.
      name: First part of the names of its files.
      png: The picture as the page shows it, bytes of a PNG file.
      num_bytes: Memory that picture and logits take, bytes.
    """

    def __init__(
        self,
        content: Content,
        logits: KeptLogits,
        config: InferenceConfig,
        class_table: ClassTable,
        zoom: float | None,
    ):
        """Keeps a picture.

        Args:
          content: The picture.
          logits: Its logits.
          config: That with which the logits were predicted.
          class_table: The classes.
          zoom: The zoom that was chosen for it, None if `config.zoom` is not "auto".
        """
        self.content = content
        self.name = image_names.key_of(content.filename) + content.choice.suffix
        self.png = layout.to_png(pictures.as_rgb(content.image))
        self._logits = logits
        self._config = config
        self._class_table = class_table
        self._zoom = zoom
        read = len(self.png) + content.values.nbytes + content.image.nbytes
        self.num_bytes = read + logits.num_bytes
        self._last: tuple[InferenceConfig, Merged] | None = None

    def describe(self) -> dict[str, Any]:
        """Returns what the page shows of the picture beside its instances, for JSON."""
        height, width = self.content.image.shape[:2]
        return {
            "name": self.content.filename,
            "height": height,
            "width": width,
            "zoom": self._zoom,
            "pixel_size": self.content.pixel_size.micrometres,
            "pixel_size_remark": self.content.pixel_size.remark,
            "files": {
                name: formats.load(name).FILE_NAME.format(name=self.name)
                for name in formats.FORMATS
            },
            "fields": {name: getattr(self._config, name) for name in FIELDS},
            "max_min_pixels": self._max_min_pixels(),
            "classes": [
                {"name": name, "color": color}
                for name, color in zip(
                    self._class_table.class_names[1:], self._class_table.colors[1:], strict=True
                )
            ],
        }

    def merge(self, fields: Mapping[str, Any]) -> Merged:
        """Returns the picture with its instances; the networks do not run.

        They are those of `affinity_seg segment` with the fields of `overrides`.

        Args:
          fields: Values of some of `FIELDS`; the preset has the others.

        Raises:
          ValueError: A value breaks a rule, or a logit is not finite.
        """
        config = inference.change(self._config, self.overrides(fields))
        last = self._last
        if last is not None and last[0] == config:
            return last[1]
        content = self.content
        with errors_named(content.filename):
            found = self._logits.merge(config)
        instances = found.instances
        picture = SegmentedPicture(
            self.name,
            content.filename,
            WindowedPicture(content.image, content.values),
            instances,
            self._class_table,
            None if config.vote_min_ratio is None else merging.class_candidates(instances, config),
            content.pixel_size.micrometres,
        )
        merged = Merged(picture, found.warning)
        self._last = config, merged
        return merged

    def overrides(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the fields with which `affinity_seg segment` finds what `merge` does.

        They include the zoom of this picture if it would otherwise be chosen by objects that are
        merged in another way. All objects are measured for it, whatever `min_score` is.
        """
        own = vars(self._config)
        changed = {name: value for name, value in fields.items() if value != own[name]}
        if changed.keys() - {"min_score"} and self._zoom is not None:
            changed |= inference.fixed_zoom(self._zoom)
        return changed

    def _max_min_pixels(self) -> int:
        """Returns where the slider of `min_pixels` ends."""
        widest = _WIDEST * max(self._config.min_pixels, 1)
        if self._zoom is not None:
            return min(widest, int(np.ceil(self._config.object_area)) - 1)
        return widest


def describe_instances(picture: SegmentedPicture) -> list[dict[str, Any]]:
    """Returns what the page shows of each instance, for JSON.

    `rings` are the corners of its outlines, [x, y, x, y, ...] in pixels; those of holes as well.
    """
    instances = picture.instances
    return [
        {
            "class": int(instances.classes[index]) - 1,
            "score": round(float(instances.scores[index]), 4),
            "size": int(instances.sizes[index]),
            "rings": [
                ring.ravel().tolist()
                for polygon in polygons
                for ring in (polygon.shell, *polygon.holes)
            ],
        }
        for index, polygons in enumerate(picture.polygons)
    ]


def convert(
    picture: SegmentedPicture, name: str, pixel_size: float | None = None
) -> tuple[str, bytes]:
    """Returns name and bytes of a file as `affinity_seg segment` writes it.

    Args:
      picture: The picture with its instances.
      name: The format, one of `formats.FORMATS`.
      pixel_size: Width and height of a pixel, micrometres; None: what the file states, if it does.

    Raises:
      ValueError: The format cannot hold the picture.
    """
    module = formats.load(name)
    if pixel_size is not None:
        picture = dataclasses.replace(picture, pixel_size=pixel_size)
    converted = module.convert(picture)
    content = module.join([converted]) if hasattr(module, "join") else converted
    return module.FILE_NAME.format(name=picture.name), content


class Reader:
    """Reads pictures and runs the networks on them, one picture at a time."""

    def __init__(self, segmenter: Segmenter, max_pixels: int, timeout: float):
        """Makes a reader.

        Args:
          segmenter: The networks and the preset.
          max_pixels: Largest number of pixels of a picture.
          timeout: How long a picture may wait for others, seconds.
        """
        self._segmenter = segmenter
        self._max_pixels = max_pixels
        self._timeout = timeout
        self._lock = threading.Lock()

    def read(self, given_name: str, content: bytes, choice: PlaneChoice) -> ServedPicture:
        """Returns a picture with its logits.

        Args:
          given_name: Name of its file; nothing is read from there or written to there.
          content: Bytes of its file.
          choice: Page and channels of a TIFF file.

        Raises:
          BusyError: Other pictures took too long.
          ValueError: The file is not a picture, is damaged or too large, or page or channels must
            be chosen; the message names the file.
        """
        filename = names.without_folders(given_name)
        size = picture_headers.check_header(filename, content, turned=True, choice=choice)
        if size[0] * size[1] > self._max_pixels:
            raise ValueError(
                f"{filename}: must have at most {self._max_pixels} pixels on this page: "
                f"{size[0]}x{size[1]}; `affinity_seg segment` takes larger pictures, and so does "
                "this page if it is started with a larger `--max_pixels`"
            )
        if not self._lock.acquire(timeout=self._timeout):
            raise BusyError(
                f"other pictures have kept the networks busy for {self._timeout:g} seconds; try "
                "again in a while"
            )
        try:
            return self._predict(filename, content, choice)
        finally:
            self._lock.release()

    def _predict(self, filename: str, file: bytes, choice: PlaneChoice) -> ServedPicture:
        image, values = pictures.decode_with_channels(filename, file, choice)
        segmenter = self._segmenter
        with errors_named(filename):
            pixel_size = pixel_sizes.read(io.BytesIO(file))
            logits = kept_logits.predict(segmenter, WindowedPicture(image, values))
        zoom = None
        if segmenter.zooming is not None:
            zoom = segmenter.zooming.zoom_of(image.shape[:2], logits.zoomed_size)
        content = Content(filename, choice, values, image, pixel_size)
        return ServedPicture(content, logits, segmenter.config, segmenter.class_table, zoom)
