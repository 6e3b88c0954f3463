"""The size of a pixel that a microscope's TIFF file states: in OME-XML, or as ImageJ's calibration.

Other resolutions of files are not read. Most are those of a print, such as 72 dots per inch, and so
is the unit inch in a file of ImageJ.
"""

import contextlib
import math
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from xml.etree import ElementTree

from affinity_seg.data import tiff_opening

if TYPE_CHECKING:
    import tifffile

LIMITS = (1e-4, 1e6)
"""Least and largest size of a pixel, micrometres."""

_MAX_DIFFERENCE = 1e-3
"""How far width and height of a square pixel may differ, a share of the larger: files round."""

_MICROMETRES = {
    "pm": 1e-6,
    "nm": 1e-3,
    **dict.fromkeys(("μm", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
}
"""Micrometres in a unit; the name in the Unicode form NFKC, in which both signs for micro are one.
"""

_ESCAPED_MICRO = "\\u00B5"
"""ImageJ writes the sign for micro in this way."""

Sides = tuple[float | None, float | None]
"""Width and height of a pixel, micrometres; None if it is not stated."""


class StatedSize(NamedTuple):
    """What a file states of the size of its pixels.

    Attributes:
      micrometres: Width and height of a pixel; None if the file states none that can be used.
      remark: What is to be said of it, a line; empty if the file states none.
    """

    micrometres: float | None = None
    remark: str = ""


def read(source: str | BinaryIO) -> StatedSize:
    """Returns the size of a pixel that a file states.

    Formats measure with one number, so that a size is used only if pixels are square, and if it is
    the same for all pictures of the file.

    Args:
      source: Path of a picture of any format, or the open file.

    Raises:
      ValueError: It is a TIFF file, and damaged. The message does not name the file.
    """
    if not tiff_opening.is_tiff(source):
        return StatedSize()
    with tiff_opening.opened(source) as file:
        sizes = set(_of_ome(file.ome_metadata) if file.is_ome else _of_imagej(file))
    sizes -= {(None, None)}
    if not sizes:
        return StatedSize()
    shown = " or ".join(sorted(f"{_shown(width)} x {_shown(height)}" for width, height in sizes))
    reason = _reason(sizes)
    if reason:
        return StatedSize(
            None, f"the file's size of a pixel, {shown} micrometres, is not used, because {reason}"
        )
    ((width, height),) = sizes
    # Areas are then exact.
    size = width if width == height else math.sqrt(width * height)
    return StatedSize(size, f"a pixel has {size:.6g} micrometres, as the file states")


def _reason(sizes: set[Sides]) -> str:
    """Returns why sizes cannot be used; empty if they can."""
    if len(sizes) > 1:
        return "its pictures have different ones"
    ((width, height),) = sizes
    if None in (width, height) or not math.isclose(width, height, rel_tol=_MAX_DIFFERENCE):
        return "pixels must be square"
    if not LIMITS[0] <= width <= LIMITS[1]:
        return f"it must be in [{LIMITS[0]}, {LIMITS[1]}]"
    return ""


def _shown(side: float | None) -> str:
    return "unknown" if side is None else f"{side:.6g}"


def _of_ome(xml: str) -> Iterator[Sides]:
    """Yields the sizes that OME-XML states for its pictures."""
    with contextlib.suppress(ElementTree.ParseError):
        for pixels in ElementTree.fromstring(xml).findall(".//{*}Pixels"):
            names = [f"PhysicalSize{axis}" for axis in "XY"]
            width, height = (
                _micrometres(pixels.get(name), pixels.get(f"{name}Unit", "μm")) for name in names
            )
            yield width, height


def _of_imagej(file: "tifffile.TiffFile") -> Iterator[Sides]:
    """Yields the size that ImageJ has written: pixels in each unit of length."""
    if not file.is_imagej:
        return
    unit, tags = str((file.imagej_metadata or {}).get("unit", "")), file.pages[0].tags
    width, height = (
        _micrometres(_inverse(tags.valueof(f"{axis}Resolution")), unit) for axis in "XY"
    )
    yield width, height


def _inverse(fraction: tuple[int, int] | None) -> float | None:
    """Returns the inverse of a fraction as TIFF files store it; None of 0 and of anything else."""
    with contextlib.suppress(TypeError, IndexError, ZeroDivisionError):
        return fraction[1] / fraction[0]
    return None


def _micrometres(number: float | str | None, unit: str) -> float | None:
    """Returns a length in micrometres; None if it is not one."""
    unit = unit.replace(_ESCAPED_MICRO, "µ").replace(_ESCAPED_MICRO.lower(), "µ").strip()
    factor = _MICROMETRES.get(unicodedata.normalize("NFKC", unit))
    with contextlib.suppress(TypeError, ValueError):
        length = float(number)
        if factor is not None and math.isfinite(length) and length > 0:
            return length * factor
    return None
