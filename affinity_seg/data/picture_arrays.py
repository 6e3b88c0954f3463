"""Pictures that are given as arrays: those of the library's interface."""

import numpy as np

from affinity_seg.data import picture_headers, pictures, plane_choice
from affinity_seg.data.plane_choice import PlaneChoice


def from_array(values: np.ndarray, choice: PlaneChoice = plane_choice.ALL) -> np.ndarray:
    """Returns the picture in an array as that of a file with these values, uint8 [H, W, C].

    Args:
      values: Grey [H, W] or [H, W, 1], RGB [H, W, 3] or RGBA [H, W, 4]; truth values, whole or real
        numbers. With `choice.channels` [H, W, C].
      choice: The channels. An array has one page.

    Raises:
      ValueError: The array is not an image, or as `bit_depth.to_8_bits`.
    """
    pixels = values[..., None] if values.ndim == 2 else values
    if pixels.ndim != 3 or (choice.channels is None and pixels.shape[2] not in (1, 3, 4)):
        raise ValueError(
            "`image` must be a file, or grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4], or any "
            f"number of channels with `channels`: {values.dtype} {list(values.shape)}"
        )
    picture_headers.check_size("`image`", *pixels.shape[:2])
    if choice.page not in (None, 1):
        raise ValueError(f"`image`: `page` must be 1 of an array: {choice.page}")
    if choice.channels is None:
        pixels = pixels[..., :3]  # Without alpha.
    return pictures.to_image("`image`", choice.take(pixels))
