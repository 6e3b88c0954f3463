"""The semantic map drawn over its image, with a legend."""

import numpy as np

from affinity_seg.labels import VOID_CLASS, ClassTable
from affinity_seg.visualization import layout

FILL = 0.65
"""Share of a class's colour; the rest is the image."""

DIM = 0.6
"""Brightness of the grey image under the background."""

VOID_COLOR = (150, 150, 150)


def draw_semantic(image: np.ndarray, classes: np.ndarray, class_table: ClassTable) -> np.ndarray:
    """Draws foreground classes in their colours over a dimmed grey image.

    Args:
      image: uint8 RGB [H, W, 3].
      classes: int [H, W], class index of each pixel, `labels.VOID_CLASS` where void.
      class_table: Gives colours and names.

    Returns:
      uint8 RGB, `layout.enlargement(H, W)` times the size of the image plus a legend of the
      classes that occur below it.

    Raises:
      ValueError: Image and classes are of different sizes.
    """
    if image.shape[:2] != classes.shape:
        raise ValueError(
            f"`classes` must be as large as the image, {image.shape[:2]}: {classes.shape}"
        )
    palette = np.zeros((256, 3), np.float32)
    palette[: class_table.num_classes] = class_table.colors
    palette[VOID_CLASS] = VOID_COLOR
    gray = image.astype(np.float32).mean(axis=2, keepdims=True).repeat(3, axis=2)
    mixed = (1 - FILL) * gray + FILL * palette[classes]
    canvas = np.where((classes == 0)[..., None], DIM * gray, mixed)
    factor = layout.enlargement(*image.shape[:2])
    canvas = layout.enlarge(np.rint(canvas).astype(np.uint8), factor)
    return np.concatenate([canvas, _legend(classes, palette, class_table, canvas.shape[1])])


def _legend(
    classes: np.ndarray, palette: np.ndarray, class_table: ClassTable, width: int
) -> np.ndarray:
    """Returns a strip with colour and name of each foreground class that occurs, wrapped."""
    scale = max(0.45, layout.text_scale(width))
    line = layout.text_box("Ag", scale)[0] + 6
    names = {i: name for i, name in enumerate(class_table.class_names) if i}
    names[VOID_CLASS] = "void"
    entries = [(names[i], palette[i]) for i in np.unique(classes).tolist() if i in names]
    strip = np.full((line, width, 3), layout.DARK, np.uint8)
    y, x = 0, 4
    for name, color in entries:
        needed = line + layout.text_box(name, scale)[1] + 8
        if x + needed > width and x > 4:
            y, x = y + line, 4
            strip = np.concatenate([strip, np.full_like(strip[:line], layout.DARK[0])])
        strip[y + 4 : y + line - 4, x : x + line - 8] = color
        layout.put_text(strip, name, y + 3, x + line - 6, scale)
        x += needed
    return strip
