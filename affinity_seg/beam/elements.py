"""What flows through the pipelines: images before, between and after the networks."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from affinity_seg.data.listing import Item
from affinity_seg.dead_letters import DeadLetters


class Source(NamedTuple):
    """An image as a source lists it.

    Attributes:
      item: The image. Of an image in a TFRecord, `image_path` names file and record, and
        `instance_path` is None.
      image: Bytes of the image file, None where they are still in the file.
      instances: Bytes of the instance image, PNG; None where there is none or it is a file.
    """

    item: Item
    image: bytes | None = None
    instances: bytes | None = None

    @property
    def has_truth(self) -> bool:
        """Whether there is an instance image, which must fit the pixels of the image."""
        return self.item.has_truth or self.instances is not None

    def read(self) -> bytes:
        """Returns the bytes of the image file.

        Raises:
          FileNotFoundError: There is no such file.
        """
        if self.image is not None:
            return self.image
        if not os.path.isfile(self.item.image_path):
            raise FileNotFoundError(f"the image does not exist: {self.item.image_path}")
        with open(self.item.image_path, "rb") as file:
            return file.read()


class Picture(NamedTuple):
    """An image before the networks.

    Attributes:
      source: Where it is from, without the bytes of the image.
      pixels: uint8 RGB [H, W, 3].
      sha256: Hash of the image file.
    """

    source: Source
    pixels: np.ndarray
    sha256: str


class Done(NamedTuple):
    """An image whose result is in its folder.

    Attributes:
      source: Where it is from, without the bytes of the image.
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
      done: The image, which is done when `result` is written.
      result: What the networks say of it, a `records.Record`, or its `Instances`.
      is_recorded: Whether `result` is in its folder already.
    """

    done: Done
    result: Any
    is_recorded: bool = False


class Letter(NamedTuple):
    """An input that could not be used, see `dead_letters.DeadLetters`.

    Attributes:
      name: Key of the input.
      file: Its file.
      reason: What was wrong.
    """

    name: str
    file: str
    reason: str


class LetterBox(DeadLetters):
    """Collects what an input raises, to be handed on as elements instead of written."""

    def __init__(self, strict: bool):
        """Makes an empty box.

        Args:
          strict: Whether errors are raised instead of collected.
        """
        super().__init__("", strict)

    def add(self, name: str, path: str, reason: str) -> None:
        """Collects an input."""
        self._letters[name] = Letter(name, path, reason)._asdict()

    def take(self) -> list[Letter]:
        """Returns what has come since the last call."""
        taken = [Letter(**letter) for letter in self._letters.values()]
        self._letters.clear()
        return taken


def sha256(content: bytes) -> str:
    """Returns the hash of a file's bytes as `files.sha256` does of the file."""
    return hashlib.sha256(content).hexdigest()
