"""Text, captions and grids for all pictures. Images are uint8 RGB [H, W, 3]."""

from collections.abc import Sequence

import cv2
import numpy as np

from affinity_seg import files

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE = (255, 255, 255)
DARK = (24, 24, 24)
GAP = 4
"""Pixels between the panels of a grid."""


def enlargement(height: int, width: int, wanted: int = 768) -> int:
    """Returns the integer factor that brings the longer side of an image to about `wanted`.

    Small images are enlarged by it before text is drawn, so that the text can be read.
    """
    return max(1, round(wanted / max(height, width)))


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Returns `image`, any dtype [H, W, ...], with every pixel repeated `factor` times."""
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def text_scale(width: int) -> float:
    """Returns a font scale that is legible on an image of `width` pixels."""
    return float(np.clip(width / 2400, 0.38, 0.7))


def text_box(text: str, scale: float) -> tuple[int, int, int]:
    """Returns (height, width) of a text with its margin, and the height of its baseline, pixels."""
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, _thickness(scale))
    return height + baseline + 2, width + 6, baseline


def put_text(
    canvas: np.ndarray,
    text: str,
    y: int,
    x: int,
    scale: float,
    background: tuple[int, int, int] = DARK,
) -> None:
    """Draws a text on a box of colour `background` with its top left corner at (y, x), in place.

    The text is black or white, whichever has more contrast with the background.
    """
    height, width, baseline = text_box(text, scale)
    cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), background, cv2.FILLED)
    luminance = np.dot(background, (0.299, 0.587, 0.114))
    cv2.putText(
        canvas,
        text,
        (x + 3, y + height - baseline),
        FONT,
        scale,
        (0, 0, 0) if luminance > 140 else WHITE,
        _thickness(scale),
        cv2.LINE_AA,
    )


def captioned(image: np.ndarray, caption: str, scale: float = 0.5) -> np.ndarray:
    """Returns `image` under a dark strip with a caption."""
    strip = np.full((text_box("Ag", scale)[0] + 6, image.shape[1], 3), DARK, np.uint8)
    put_text(strip, caption, 3, 2, scale)
    return np.concatenate([strip, image])


def resized(image: np.ndarray, width: int) -> np.ndarray:
    """Returns `image` resized to `width` pixels with its aspect ratio kept."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    interpolation = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=interpolation)


def grid(panels: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Returns panels row by row on a white ground, each in the top left of a cell of one size."""
    height, width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    rows = -(-len(panels) // columns)
    sheet = np.full(
        (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), WHITE, np.uint8
    )
    for index, panel in enumerate(panels):
        y = GAP + index // columns * (height + GAP)
        x = GAP + index % columns * (width + GAP)
        sheet[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
    return sheet


def write_png(path: str, image: np.ndarray) -> None:
    """Writes a picture atomically."""
    files.write_bytes(path, to_png(image))


def to_png(image: np.ndarray) -> bytes:
    """Returns a picture as a PNG file."""
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def _thickness(scale: float) -> int:
    return 2 if scale > 0.6 else 1
