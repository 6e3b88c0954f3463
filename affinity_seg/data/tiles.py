"""Images as grids of small PNG files, so that a crop is read without decoding the whole image.

All tiles of an image have the same size. Those at the lower and right border reach beyond it by a
few pixels, which repeat the last row and column.
"""

import cv2
import numpy as np

SIDE = 128
"""Largest height and width of a tile, pixels. Smaller tiles fit a crop better, but are more files.
"""

_PIXELS = [
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE,
]  # fmt: skip
"""The filter and strategy that decode fastest; photographs do not become larger by them."""

_IDS = [
    cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE,
    cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT,
    cv2.IMWRITE_PNG_COMPRESSION, 6,
]  # fmt: skip
"""Ids are areas of one value, which are small without a filter."""


def size_of(height: int, width: int) -> tuple[int, int]:
    """Returns height and width of the tiles of an image, pixels, each at most `SIDE`."""
    return tuple(-(-side // -(-side // SIDE)) for side in (height, width))


def encode_image(image: np.ndarray) -> list[bytes]:
    """Returns the tiles of an image, row after row.

    Args:
      image: uint8 RGB [H, W, 3]. If all of it is grey, the tiles have one channel. Of any other
        number of channels [H, W, C], all tiles of the first channel come first, and so on.
    """
    if image.shape[2] != len("RGB"):
        return [tile for plane in np.moveaxis(image, 2, 0) for tile in _encode(plane, _PIXELS)]
    is_grey = (image[..., :1] == image).all()
    return _encode(image[..., 0] if is_grey else image[..., ::-1], _PIXELS)


def encode_ids(stored: np.ndarray) -> list[bytes]:
    """Returns the tiles of an instance image, row after row, 16 bits.

    Args:
      stored: uint8 or uint16 [H, W], pixels as stored on disk.
    """
    return _encode(stored.astype(np.uint16), _IDS)


def histograms(image: np.ndarray) -> np.ndarray:
    """Counts the values of an image, uint8 [H, W, C].

    Returns:
      int64 [1, 256] over all channels of RGB; [C, 256] of each channel of others.
    """
    planes = [image] if image.shape[2] == len("RGB") else np.moveaxis(image, 2, 0)
    return np.stack([np.bincount(plane.ravel(), minlength=256) for plane in planes])


def count_values(stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts the values of an instance image in each row of tiles.

    Args:
      stored: uint8 or uint16 [H, W], pixels as stored on disk.

    Returns:
      values: [V], ascending.
      counts: int64 [rows of tiles, V], pixels of each value.
    """
    values, index = np.unique(stored, return_inverse=True)
    index = index.reshape(stored.shape)
    height = size_of(*stored.shape)[0]
    return values, np.stack(
        [
            np.bincount(index[top : top + height].ravel(), minlength=len(values))
            for top in range(0, len(stored), height)
        ]
    )


def _encode(pixels: np.ndarray, options: list[int]) -> list[bytes]:
    height, width = size_of(*pixels.shape[:2])
    margin = [(0, -pixels.shape[0] % height), (0, -pixels.shape[1] % width), (0, 0)]
    padded = np.pad(pixels, margin[: pixels.ndim], mode="edge")
    return [
        cv2.imencode(".png", padded[top : top + height, left : left + width], options)[1].tobytes()
        for top in range(0, padded.shape[0], height)
        for left in range(0, padded.shape[1], width)
    ]
