"""Reads parts of a TIFF page without decoding all of it."""

import contextlib
import itertools
import os
from typing import TYPE_CHECKING

import numpy as np

from affinity_seg.data import exif, tiff_files, tiff_planes
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.data.recent_arrays import RecentArrays
from affinity_seg.data.tiff_opening import UnusableError, damaged, is_damage, opened
from affinity_seg.instances import Box

if TYPE_CHECKING:
    import tifffile

MAX_SEGMENT_BYTES = 2**29
"""Most bytes of a tile or strip: each is decoded as a whole."""

_KEPT_BYTES = 2**27
"""Decoded tiles and strips that are kept, because the next part may need them again."""


class TiffWindows:
    """One page of a TIFF file, of which parts are read.

    Attributes:
      height: Pixels.
      width: Pixels.
      dtype: Type of the values.
      channels: Number of the chosen channels.
    """

    def __init__(self, path: str, choice: PlaneChoice):
        """Opens a file; `close` closes it.

        Args:
          path: The file.
          choice: As in `tiff_files.decode`.

        Raises:
          ValueError: As `tiff_files.decode`, or the page is stored so that its parts cannot be read
            alone. The message does not name the file.
        """
        self._choice = choice
        self._decoded = RecentArrays(_KEPT_BYTES)
        self._resources = contextlib.ExitStack()
        try:
            self._file = self._resources.enter_context(opened(path))
            self._plane = tiff_planes.find(self._file, choice)
            self._check()
            header = tiff_planes.header(self._plane)
            self.height, self.width = header.height, header.width
            first = self._read_pages((0, 0, 1, 1))
            self.dtype, self.channels = first.dtype, choice.take(first).shape[2]
        except BaseException as error:
            # `opened` turns the error into one of its own.
            if not self._resources.__exit__(type(error), error, error.__traceback__):
                raise

    def close(self) -> None:
        """Closes the file."""
        self._resources.close()

    def read(self, box: Box) -> np.ndarray:
        """Returns a part of the page.

        Args:
          box: A box inside of the page.

        Returns:
          [y1 - y0, x1 - x0, C] in the type of the file, C as `tiff_files.decode`.

        Raises:
          ValueError: The file is damaged or cut off. The message does not name the file.
        """
        try:
            return self._read_pages(box)
        except Exception as error:
            if not is_damage(error):
                raise
            raise damaged(error) from error

    def _read_pages(self, box: Box) -> np.ndarray:
        parts = [self._read(page, box) for page in self._pages.ravel()]
        pixels = np.stack(parts).reshape(*self._pages.shape, *parts[0].shape)
        return tiff_files.to_picture(pixels, self._plane, self._choice)

    def _check(self) -> None:
        """Finds the pages of the plane, and raises ValueError unless parts of them can be read."""
        header, page = tiff_planes.header(self._plane), self._plane.page
        tiff_files.check_codec(page)
        self._pages = tiff_planes.pages_of(self._plane)
        if self._pages is None or page.axes not in ("YX", "YXS", "SYX"):
            raise UnusableError(
                "the TIFF file's pages are stored together, so that a large one cannot be read "
                "in parts; store the wanted page alone"
            )
        if header.orientation != exif.UPRIGHT:
            raise UnusableError(
                f"a TIFF file that is read in parts must be stored upright, EXIF orientation "
                f"{exif.UPRIGHT}: {header.orientation}"
            )
        size = int(np.prod(page.chunks)) * page.dtype.itemsize
        if not page.is_contiguous and size > MAX_SEGMENT_BYTES:
            raise UnusableError(
                f"the TIFF file's tiles or strips must have at most {MAX_SEGMENT_BYTES} bytes "
                f"each, for they are compressed: {size}; store it with tiles, e.g. with "
                "`tile=(256, 256)` of tifffile.imwrite"
            )

    def _read(self, page: "tifffile.TiffPage", box: Box) -> np.ndarray:
        """Returns a part of one page of the file, with the axes of the page."""
        y0, x0, y1, x1 = box
        layout = page.keyframe
        planes, _, _, _, samples = layout.shaped
        pixels = np.zeros((planes, y1 - y0, x1 - x0, samples), page.dtype)
        if page.is_contiguous:
            self._copy_rows(page, box, pixels)
        else:
            self._copy_segments(page, box, pixels)
        return pixels[0] if samples > 1 else pixels[0, ..., 0] if planes == 1 else pixels[..., 0]

    def _copy_rows(self, page: "tifffile.TiffPage", box: Box, pixels: np.ndarray) -> None:
        """Fills `pixels` from a page without compression, whose rows follow each other."""
        y0, x0, y1, x1 = box
        layout = page.keyframe
        planes, _, _, _, samples = layout.shaped
        dtype = page.dtype.newbyteorder(self._file.byteorder)
        first, pixel = page.dataoffsets[0], samples * dtype.itemsize
        handle = self._file.filehandle
        for plane in range(planes):
            for y in range(y0, y1):
                place = (plane * layout.imagelength + y) * layout.imagewidth + x0
                handle.seek(first + place * pixel)
                row = np.frombuffer(handle.read((x1 - x0) * pixel), dtype)
                pixels[plane, y - y0] = row.reshape(x1 - x0, samples)

    def _copy_segments(self, page: "tifffile.TiffPage", box: Box, pixels: np.ndarray) -> None:
        """Fills `pixels` from a page of tiles or strips."""
        y0, x0, y1, x1 = box
        layout = page.keyframe
        rows = layout.tilelength if layout.is_tiled else layout.rowsperstrip
        columns = layout.tilewidth if layout.is_tiled else layout.imagewidth
        per_row, per_column = -(-layout.imagewidth // columns), -(-layout.imagelength // rows)
        for plane, row, column in itertools.product(
            range(len(pixels)),
            range(y0 // rows, -(-y1 // rows)),
            range(x0 // columns, -(-x1 // columns)),
        ):
            segment = self._segment(page, (plane * per_column + row) * per_row + column)
            if segment is not None:  # A file may leave out what is black.
                _copy(segment, (row * rows, column * columns), pixels[plane], (y0, x0))

    def _segment(self, page: "tifffile.TiffPage", index: int) -> np.ndarray | None:
        """Returns a tile or strip, [h, w, S]; None if the file leaves it out."""
        if not page.databytecounts[index]:
            return None
        return self._decoded.get((page.index, index), lambda: self._decode(page, index))

    def _decode(self, page: "tifffile.TiffPage", index: int) -> np.ndarray:
        """Reads and decodes a tile or strip, [h, w, S]."""
        size = page.databytecounts[index]
        handle = self._file.filehandle
        handle.seek(page.dataoffsets[index])
        content = handle.read(size)
        if len(content) < size:
            end = page.dataoffsets[index] + size
            raise ValueError(f"{os.path.getsize(handle.path)} bytes of at least {end}")
        found, _, _ = page.decode(content, index, jpegtables=page.keyframe.jpegtables)
        return found[0]


def _copy(
    segment: np.ndarray, start: tuple[int, int], target: np.ndarray, origin: tuple[int, int]
) -> None:
    """Copies what a segment [h, w, S], which begins at `start`, and `target` have in common."""
    y, x = start[0] - origin[0], start[1] - origin[1]
    top, left = max(y, 0), max(x, 0)
    bottom = min(y + segment.shape[0], target.shape[0])
    right = min(x + segment.shape[1], target.shape[1])
    target[top:bottom, left:right] = segment[top - y : bottom - y, left - x : right - x]
