"""What flows through the pipeline: images before, between and after the networks."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from affinity_seg.data import graph_examples, picture_headers, pictures, record_damage
from affinity_seg.data.items import Item
from affinity_seg.pipeline.folders import Segmented
from affinity_seg.pipeline.records import Record


class Image(NamedTuple):
    """An image whose file or record was read.

    Attributes:
      item: The image. Of one in a TFRecord, `image_path` names file and record, and
        `truth_path` is None.
      sha256: Hash of the image file and of what was chosen of it.
      height: Pixels.
      width: Pixels.
      content: Bytes of the image's file, or its record; none behind the networks.
      truth: Instance image of a record, PNG; None for files.
    """

    item: Item
    sha256: str
    height: int
    width: int
    content: bytes
    truth: bytes | None = None

    def decode(self) -> np.ndarray:
        """Returns the pixels, uint8 RGB [H, W, 3], or with other channels [H, W, C].

        Raises:
          ValueError: They are damaged; the message names the file.
        """
        path = self.item.image_path
        if self.truth is None:
            return pictures.decode(
                path, self.content, turned=self.item.is_turned, choice=self.item.choice
            )
        with record_damage.record_named(path, self.content):
            example = graph_examples.parse(tf.constant(self.content))
            return graph_examples.read_image(
                example, tf.zeros([2], tf.int32), example["size"]
            ).numpy()

    @contextlib.contextmanager
    def with_truth_file(self) -> Iterator[Item]:
        """Yields the item, whose truth is a file; a temporary one if it came in a record."""
        if self.truth is None:
            yield self.item
            return
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "instanceIds.png")
            with open(path, "wb") as file:
                file.write(self.truth)
            yield self.item._replace(truth_path=path)


class Source(NamedTuple):
    """An image as a source lists it.

    Attributes:
      item: As of `Image`.
      record: The image's record in a TFRecord, None where the image is a file.
    """

    item: Item
    record: bytes | None = None

    def open(self) -> Image:
        """Reads the image's file or record.

        Raises:
          FileNotFoundError: There is no such file.
          ValueError: The file or the record of the image, or its ground truth, is damaged.
        """
        path = self.item.image_path
        if self.record is None:
            content = pictures.read_bytes(path)
            choice = self.item.choice
            size = picture_headers.check_header(
                path, content, turned=self.item.is_turned, choice=choice
            )
            digest = choice.digest(hashlib.sha256(content).hexdigest())
            return Image(self.item, digest, *size, content)
        with record_damage.record_named(path, self.record):
            example = graph_examples.parse(tf.constant(self.record))
            whole = tf.zeros([2], tf.int32), example["size"]
            stored = graph_examples.read_instances(example, *whole).numpy()
        digest = example["sha256"].numpy().decode()
        truth = cv2.imencode(".png", stored)[1].tobytes()
        return Image(self.item, digest, *stored.shape, self.record, truth)


class Predicted(NamedTuple):
    """An image after the networks.

    Attributes:
      image: The image, without its content.
      made: What the networks say of it: its prediction record, or the instances that an exported
        model gives.
      is_recorded: Whether the record is in its folder already.
    """

    image: Image
    made: Record | Segmented
    is_recorded: bool = False
