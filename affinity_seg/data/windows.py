"""Pictures that are read in parts, so that those beyond the memory can be segmented.

Every part has the values that it has in the whole picture: what the depth of 8 bits depends on is
found once, by a pass over the picture.
"""

from collections.abc import Iterator

import numpy as np

from affinity_seg.data import (
    bit_depth,
    picture_headers,
    pictures,
    plane_choice,
    tiff_opening,
    tiff_planes,
    tiles,
)
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.tiff_windows import TiffWindows
from affinity_seg.instances import Box

READ_IN_PARTS = 2**24
"""TIFF files of more pixels are read in parts, 4096x4096: decoded whole they take much memory."""

MAX_PIXELS = 2**32
"""Most pixels of a picture that is read in parts, 65536x65536."""

_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16))
"""Types whose values can be counted in one pass."""

_ROWS_PIXELS = 2**22
"""About the number of pixels that are read at once where all are read."""


class WindowedPicture:
    """A picture of which parts are read.

    Attributes:
      size: Height and width, pixels.
    """

    def __init__(self, image: np.ndarray, values: np.ndarray | None = None):
        """Makes a picture that is in memory already.

        Args:
          image: uint8 RGB [H, W, 3], or with other channels [H, W, C].
          values: As in `read_values`, of the whole picture; None: those of `image`.
        """
        self.size = image.shape[:2]
        self._image = image
        self._values = image if values is None else values

    def read(self, box: Box) -> np.ndarray:
        """Returns a part, uint8 [h, w, C]; ValueError if the file is damaged."""
        return self._image[box[0] : box[2], box[1] : box[3]]

    def read_values(self, box: Box) -> np.ndarray:
        """Returns the file's values of a part, grey [h, w, 1] or [h, w, C]; errors likewise.

        If channels were chosen, these are all channels of the file, so that others can be measured.
        """
        return self._values[box[0] : box[2], box[1] : box[3]]

    def whole(self) -> np.ndarray:
        """Returns the picture, uint8 [H, W, C]; ValueError if it has too many pixels."""
        height, width = self.size
        if height * width > picture_headers.MAX_PIXELS:
            raise ValueError(
                f"a picture must have at most {picture_headers.MAX_PIXELS} pixels for an exported "
                f"model, and for a preset with `regions: true`: {height}x{width}"
            )
        return np.ascontiguousarray(self.read((0, 0, height, width)))

    def histogram(self) -> np.ndarray:
        """Returns `tiles.histograms` of the whole picture."""
        return sum(tiles.histograms(self.read(box)) for box in self.all_rows())

    def all_rows(self) -> Iterator[Box]:
        """Yields boxes as wide as the picture, which together cover it."""
        height, width = self.size
        step = max(1, _ROWS_PIXELS // width)
        for top in range(0, height, step):
            yield top, 0, min(top + step, height), width

    def close(self) -> None:
        """Closes the file."""


class _TiffPicture(WindowedPicture):
    """A page of a TIFF file of 8 or 16 bits, grey or RGB."""

    def __init__(self, path: str, windows: TiffWindows, choice: PlaneChoice):
        self.size = windows.height, windows.width
        self._path = path
        self._windows = windows
        self._choice = choice
        self._table = None
        is_wide = windows.dtype == np.uint16
        counts = np.zeros(bit_depth.NUM_COUNTS if is_wide else 256, np.int64)
        for box in self.all_rows():
            values = choice.take(self.read_values(box))
            counts += np.bincount(values.ravel(), minlength=len(counts))
        counts *= len("RGB") // windows.channels
        if is_wide:
            self._table = bit_depth.table(counts).numpy()
            counts = np.bincount(self._table, counts, 256).astype(np.int64)
        self._histogram = counts[None]

    def read(self, box: Box) -> np.ndarray:
        values = self._choice.take(self.read_values(box))
        found = values if self._table is None else self._table[values]
        return np.broadcast_to(found, (*found.shape[:2], len("RGB")))

    def read_values(self, box: Box) -> np.ndarray:
        try:
            return self._windows.read(box)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error

    def histogram(self) -> np.ndarray:
        return self._histogram

    def close(self) -> None:
        self._windows.close()


def open_picture(path: str, choice: PlaneChoice = plane_choice.ALL) -> WindowedPicture:
    """Opens a picture's file. `close` closes it.

    Grey and RGB TIFF files of more than `READ_IN_PARTS` pixels with 8 or 16 bits are read in parts;
    all others are decoded whole.

    Args:
      path: A file of one of `picture_headers.FORMATS`.
      choice: The page of a TIFF file, and the channels.

    Raises:
      FileNotFoundError: There is no such file.
      ValueError: As `pictures.read`, or a picture of more pixels than
        `picture_headers.MAX_PIXELS` cannot be read in parts.
    """
    windows = _open_windows(path, choice)
    if windows is not None:
        try:
            return _TiffPicture(path, windows, choice)
        except BaseException:
            windows.close()
            raise
    return WindowedPicture(*pictures.decode_with_channels(path, pictures.read_bytes(path), choice))


def _open_windows(path: str, choice: PlaneChoice) -> TiffWindows | None:
    """Returns a TIFF file that is to be read in parts; None for any other file."""
    pixels = _tiff_pixels(path, choice)
    if pixels <= READ_IN_PARTS:
        return None
    try:
        if pixels > MAX_PIXELS:
            raise ValueError(f"must have at most {MAX_PIXELS} pixels: {pixels}")
        windows = TiffWindows(path, choice)
        if windows.dtype in _DTYPES and windows.channels in (1, len("RGB")):
            return windows
        windows.close()
        raise ValueError(
            f"a picture of more than {picture_headers.MAX_PIXELS} pixels must be grey or RGB, of "
            f"whole numbers of 8 or 16 bits without a sign: {windows.channels} channels of "
            f"{windows.dtype}; convert it"
        )
    except ValueError as error:
        if pixels <= picture_headers.MAX_PIXELS:
            return None  # It is decoded whole.
        raise ValueError(f"{path}: {error}") from error


def _tiff_pixels(path: str, choice: PlaneChoice) -> int:
    """Returns the number of pixels of a TIFF file; 0 for others, and for files with a fault."""
    pictures.check_exists(path)
    if not tiff_opening.is_tiff(path):
        return 0
    try:
        with tiff_opening.opened(path) as file:
            header = tiff_planes.header(tiff_planes.find(file, choice))
    except ValueError:  # `pictures` says what is wrong.
        return 0
    return header.height * header.width
