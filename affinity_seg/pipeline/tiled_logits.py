"""The logits of a picture that is too large to hold them: computed tile by tile where needed.

They are the logits that `tiles.run` gives for the whole picture: the tiles are the same, each is
given the same pixels, and the mean of the features is that of the whole picture.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.recent_arrays import RecentArrays
from affinity_seg.data.sampling import spread
from affinity_seg.data.windows import WindowedPicture
from affinity_seg.instances import Box
from affinity_seg.modeling.network import Network
from affinity_seg.pipeline import tiles

MAX_CONTEXT_TILES = 96
"""Where there are more tiles, the mean of the features is that of so many, evenly spread."""


class ZoomedPixels:
    """A picture in the contrast of a network, zoomed as `tf.image.resize` does, part by part."""

    def __init__(
        self,
        picture: WindowedPicture,
        histogram: np.ndarray,
        network: Network,
        zoomed: tuple[int, int],
    ):
        """Prepares the zoom.

        Args:
          picture: The picture.
          histogram: Of `picture.histogram`.
          network: The network.
          zoomed: Height and width after the zoom.
        """
        self._picture = picture
        self._histogram = tf.constant(histogram)
        self._network = network
        self._axes = [_sources(*sides) for sides in zip(picture.size, zoomed, strict=True)]

    def read(self, box: Box) -> np.ndarray:
        """Returns a part, float32 0..255 [h, w, C].

        Args:
          box: In zoomed pixels; not empty.
        """
        (top, bottom, down), (left, right, across) = (
            [values[box[axis] : box[axis + 2]] for values in self._axes[axis]] for axis in (0, 1)
        )
        source = (int(top[0]), int(left[0]), int(bottom[-1]) + 1, int(right[-1]) + 1)
        image = self._network.stretch_contrast(self._picture.read(source), self._histogram)
        pixels = tf.cast(image, tf.float32).numpy()
        before, after = pixels[:, left - source[1]], pixels[:, right - source[1]]
        columns = before + (after - before) * across[:, None]
        above, below = columns[top - source[0]], columns[bottom - source[0]]
        return above + (below - above) * down[:, None, None]


def _sources(side: int, zoomed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns between which pixels each zoomed one lies, and how far from the first, in float32.

    In every step the arithmetic is that of TensorFlow's kernel, so that the results are equal.
    """
    scale, half = np.float32(side) / np.float32(zoomed), np.float32(0.5)
    place = (np.arange(zoomed, dtype=np.float32) + half) * scale - half
    lower = np.floor(place)
    first = np.maximum(lower, 0).astype(np.int64)
    last = np.minimum(np.ceil(place).astype(np.int64), side - 1)
    return first, last, place - lower


class TiledLogits:
    """The logits of one network for a picture at one zoom."""

    def __init__(
        self,
        network: Network,
        views: tuple[bool, ...],
        read: Callable[[Box], np.ndarray],
        zoomed: tuple[int, int],
        padded: tuple[int, int],
        config: InferenceConfig,
        kept_bytes: int,
    ):
        """Cuts the input of the network into tiles.

        Args:
          network: The network.
          views: For each view whether it is the mirrored one, see `Segmenter.flips`.
          read: Returns a part of the network's input before normalization, see `ZoomedPixels`.
          zoomed: Height and width of the picture after the zoom.
          padded: Height and width after padding, see `regions.padded_size`.
          config: Size and overlap of tiles, and the type of the logits.
          kept_bytes: Most bytes of logits that are kept for the next parts.
        """
        self._network = network
        self._views = views
        self._read = read
        self._zoomed = zoomed
        self._dtype = np.dtype(config.logits_dtype)
        sides = map(tf.constant, padded)
        boxes, kept = tiles.cut(*sides, config.max_input_pixels, config.tile_overlap)
        self._boxes, self._kept = boxes.numpy(), kept.numpy()
        stride = network.output_stride
        self._cells = tiles.in_cells(self._kept, np.zeros(2, np.int32), stride).numpy()
        self._shape = [-(-side // stride) for side in padded]
        self._contexts: dict[bool, tf.Tensor] = {}
        self._logits = RecentArrays(kept_bytes)
        self._kept_bytes = kept_bytes
        self._cell_bytes = len(views) * network.num_outputs * self._dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """Memory of the logits that are kept now, bytes."""
        return self._logits.num_bytes

    @property
    def total_bytes(self) -> int:
        """Memory of the logits of the whole picture, bytes."""
        return math.prod(self._shape) * self._cell_bytes

    def columns(self, rows: int) -> int:
        """Returns how wide a row of parts may be so that its logits are kept, zoomed pixels.

        They are kept until the next row of parts, which needs some of them again.

        Args:
          rows: Height of what a part sees, zoomed pixels.
        """
        pixel = self._cell_bytes / self._network.output_stride**2
        # Logits are kept in whole tiles, of which a part sees about half at its top and bottom.
        unseen = int((self._kept[:, 2] - self._kept[:, 0]).max())
        return int(self._kept_bytes / pixel / (rows + unseen))

    def compute(self) -> None:
        """Computes the logits of the whole picture; none of them again if all are kept."""
        for mirrored in self._views:
            for index in range(len(self._boxes)):
                self._tile(mirrored, index)

    def read(self, box: Box) -> np.ndarray:
        """Returns the logits that are read when a part is upsampled, [F, h, w, C].

        Args:
          box: The part, zoomed pixels, see `parts.Part.zoomed`.
        """
        y0, x0, y1, x1 = box
        stride, width = self._network.output_stride, self._zoomed[1]
        # Pixel y lies between logit floor(y / stride) and the next one. Views have one shape.
        rows, columns = ((box[i + 2] - 1) // stride + 2 - box[i] // stride for i in (0, 1))
        shape = len(self._views), rows, columns, self._network.num_outputs
        found = np.empty(shape, self._dtype)
        for mirrored, view in zip(self._views, found, strict=True):
            self._read_view(mirrored, (y0, width - x1, y1, width - x0) if mirrored else box, view)
        return found

    def _read_view(self, mirrored: bool, box: Box, found: np.ndarray) -> None:
        """Writes the logits of a view into `found`, [h, w, C]."""
        stride = self._network.output_stride
        y0, x0 = box[0] // stride, box[1] // stride
        y1, x1 = (
            min(start + side, end)
            for start, side, end in zip((y0, x0), found.shape, self._shape, strict=False)
        )
        starts = np.maximum(self._cells[:, :2], (y0, x0))
        stops = np.minimum(self._cells[:, 2:], (y1, x1))
        for index in np.flatnonzero((starts < stops).all(axis=1)):
            (top, left), (bottom, right) = starts[index], stops[index]
            row, column = self._cells[index, :2]
            logits = self._tile(mirrored, int(index))
            found[top - y0 : bottom - y0, left - x0 : right - x0] = logits[
                top - row : bottom - row, left - column : right - column
            ]
        # Where the picture ends, upsampling repeats the last logit.
        found[y1 - y0 :] = found[y1 - y0 - 1]
        found[:, x1 - x0 :] = found[:, x1 - x0 - 1 : x1 - x0]

    def _tile(self, mirrored: bool, index: int) -> np.ndarray:
        """Returns the logits that are kept of a tile, [h, w, C]."""
        key = mirrored, index
        return self._logits.get(key, functools.partial(self._run, *key))

    def _run(self, mirrored: bool, index: int) -> np.ndarray:
        """Computes the logits that are kept of a tile, [h, w, C]."""
        network = self._network
        if len(self._boxes) == 1:
            logits = network.logits(self._input(mirrored, index))[0]
        else:
            if mirrored not in self._contexts:
                self._contexts[mirrored] = self._context(mirrored)
            encoded, _ = self._encode(mirrored, index)
            logits = network.decode(encoded, self._contexts[mirrored])[0]
        inner = tiles.in_cells(self._kept[index], self._boxes[index, :2], network.output_stride)
        y0, x0, y1, x1 = inner.numpy()
        return tf.cast(logits[y0:y1, x0:x1], self._dtype).numpy()

    def _context(self, mirrored: bool) -> tf.Tensor:
        """Returns the mean of the features, of all tiles or of some."""
        chosen = spread(range(len(self._boxes)), MAX_CONTEXT_TILES)
        total, stride = None, self._network.feature_stride
        for index in chosen:
            _, features = self._encode(mirrored, index)
            total = features if total is None else total + features
        inner = tiles.in_cells(self._kept[chosen], np.zeros(2, np.int32), stride).numpy()
        cells = np.prod(inner[:, 2:] - inner[:, :2], axis=1, dtype=np.int64).sum()
        return total / tf.cast(cells, tf.float32)

    def _encode(self, mirrored: bool, index: int) -> tuple[list[tf.Tensor], tf.Tensor]:
        stride = self._network.feature_stride
        inner = tiles.in_cells(self._kept[index], self._boxes[index, :2], stride)
        return self._network.encode(self._input(mirrored, index), inner)

    def _input(self, mirrored: bool, index: int) -> tf.Tensor:
        """Returns a tile of the network's input, float32 [1, h, w, C]: see `segmenter.view`."""
        y0, x0, y1, x1 = self._boxes[index].tolist()
        height, width = self._zoomed
        bottom, right = min(y1, height), min(x1, width)
        tile = tf.zeros([0, 0, self._network.num_channels])
        if y0 < bottom and x0 < right:
            columns = (width - right, width - x0) if mirrored else (x0, right)
            pixels = self._read((y0, columns[0], bottom, columns[1]))
            tile = self._network.normalize(tf.constant(pixels)[None])[0]
            tile = tile[:, ::-1] if mirrored else tile
        missing = (y1 - y0, x1 - x0) - tf.shape(tile)[:2]
        return tf.pad(tile, [[0, missing[0]], [0, missing[1]], [0, 0]])[None]
