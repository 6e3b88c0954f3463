"""Truth as one binary mask for each object: a folder of PNG or TIFF files for each image.

This is the form of the Data Science Bowl 2018. A folder without files says that the image has no
object.
"""

import os

import numpy as np

from affinity_seg.data import instance_files, object_masks, plane_choice, truth_forms
from affinity_seg.data.object_masks import ObjectMask
from affinity_seg.data.plane_choice import PlaneChoice


def read(
    folder: str, size: tuple[int, int], choice: PlaneChoice = plane_choice.ALL
) -> list[ObjectMask]:
    """Reads the masks of an image, sorted by the names of their files.

    Args:
      folder: The folder of the masks.
      size: Height and width of the image.
      choice: As of `instance_files.decode`.

    Raises:
      ValueError: A file is no mask, is damaged, has another size or no pixel, or has several values
        beside 0.
    """
    found = []
    for file in truth_forms.visible(folder):
        path = os.path.join(folder, file)
        if os.path.isdir(path) or not file.lower().endswith(truth_forms.NUMBER_SUFFIXES):
            raise ValueError(
                f"{path}: a folder of masks must hold only files "
                f"*{{{','.join(truth_forms.NUMBER_SUFFIXES)}}}, one for each object; take it out"
            )
        mask = instance_files.read(path, choice)
        instance_files.check_fits(path, mask.shape, size)
        _check_values(path, mask)
        found.append(object_masks.crop(file, None, mask > 0))
    return found


def _check_values(path: str, mask: np.ndarray) -> None:
    """Raises ValueError unless a mask has one value beside 0."""
    values = np.unique(mask)
    above = values[values > 0]
    if not len(above):
        raise ValueError(f"{path}: the mask of an object must have a pixel: all are 0; remove it")
    if len(above) == 1:
        return
    shown = f"{len(above)} values above 0, such as {above[:5].tolist()}"
    if mask.dtype == np.uint8 and above[-1] == 2**8 - 1:
        advice = (
            "it was smoothed or resized with smoothing: set values below 128 to 0 and others to "
            "255, and resize masks by nearest neighbour"
        )
    else:
        advice = (
            "if they number the objects, store the file as instances/<name of its image>.png, "
            "else save each object as a mask of its own"
        )
    raise ValueError(
        f"{path}: the mask of an object must have one value beside 0: {shown}; {advice}"
    )
