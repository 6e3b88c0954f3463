"""What flows through the pipelines: images before, between and after the networks."""

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from affinity_seg.data import graph_examples, pictures, record_damage
from affinity_seg.data.listing import Item
from affinity_seg.pipeline.folders import Segmented
from affinity_seg.pipeline.records import Record


class Source(NamedTuple):
    """An image as a source lists it.

    Attributes:
      item: The image. Of an image in a TFRecord, `image_path` names file and record, and
        `instance_path` is None.
      record: The image's record in a TFRecord, None where the image is a file or was opened.
      instances: Bytes of the instance image of a record that was opened, PNG; else None.
    """

    item: Item
    record: bytes | None = None
    instances: bytes | None = None

    @property
    def has_truth(self) -> bool:
        """Whether there is an instance image, which must fit the pixels of the image."""
        return self.item.has_truth or self.record is not None or self.instances is not None

    def open(self) -> "Opened":
        """Reads the image's file or record.

        Raises:
          FileNotFoundError: There is no such file.
          ValueError: What the record says of its image or truth is damaged.
        """
        path = self.item.image_path
        if self.record is not None:
            return self._open_record(self.record)
        content = pictures.read_bytes(path)
        turned = not self.has_truth
        return Opened(
            self,
            hashlib.sha256(content).hexdigest(),
            functools.partial(pictures.check_header, path, content, turned=turned),
            functools.partial(pictures.decode, path, content, turned=turned),
        )

    def _open_record(self, record: bytes) -> "Opened":
        path = self.item.image_path
        with record_damage.record_named(path, record):
            example = graph_examples.parse(tf.constant(record))
            whole = tf.zeros([2], tf.int32), example["size"]
            stored = graph_examples.read_instances(example, *whole).numpy()

        def decode() -> np.ndarray:
            with record_damage.record_named(path, record):
                return graph_examples.read_image(example, *whole).numpy()

        instances = cv2.imencode(".png", stored)[1].tobytes()
        digest = example["sha256"].numpy().decode()
        return Opened(
            self._replace(record=None, instances=instances), digest, lambda: stored.shape, decode
        )


class Opened(NamedTuple):
    """An image's file or record that was read.

    Attributes:
      source: Where it is from, without the record.
      sha256: Hash of the image file.
      size: Returns height and width, pixels.
      decode: Returns the pixels, uint8 RGB [H, W, 3].
    """

    source: Source
    sha256: str
    size: Callable[[], tuple[int, int]]
    decode: Callable[[], np.ndarray]


class Picture(NamedTuple):
    """An image before the networks.

    Attributes:
      source: Where it is from, without the record.
      pixels: uint8 RGB [H, W, 3].
      sha256: Hash of the image file.
    """

    source: Source
    pixels: np.ndarray
    sha256: str


class Done(NamedTuple):
    """An image whose result is in its folder.

    Attributes:
      source: Where it is from, without the record.
      height: Pixels.
      width: Pixels.
    """

    source: Source
    height: int
    width: int

    @contextlib.contextmanager
    def with_truth_file(self) -> Iterator[Item]:
        """Yields the image's item, whose truth is a file; a temporary one if it came as bytes."""
        item, content = self.source.item, self.source.instances
        if content is None:
            yield item
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "instanceIds.png")
            with open(path, "wb") as file:
                file.write(content)
            yield item._replace(instance_path=path)


class Predicted(NamedTuple):
    """An image after the networks.

    Attributes:
      done: The image, which is done when `made` is written.
      made: What the networks say of it: its prediction record, or the instances that an exported
        model gives.
      is_recorded: Whether the record is in its folder already.
    """

    done: Done
    made: Record | Segmented
    is_recorded: bool = False
