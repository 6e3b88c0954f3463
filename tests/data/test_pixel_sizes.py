"""The size of a pixel that files state, in files that tifffile writes."""

import io

import cv2
import numpy as np
import pytest
import tifffile

from affinity_seg.data import pixel_sizes
from affinity_seg.data.pixel_sizes import StatedSize

GREY = np.zeros((4, 6), np.uint16)


def _ome(**metadata):
    file = io.BytesIO()
    tifffile.imwrite(file, GREY, ome=True, metadata={"axes": "YX", **metadata})
    return file


def _sides(x, y, **more):
    return _ome(PhysicalSizeX=x, PhysicalSizeY=y, **more)


def _units(unit):
    return {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}


def _imagej(unit, *counts):
    file = io.BytesIO()
    more = {"resolution": counts} if counts else {}
    tifffile.imwrite(file, GREY, imagej=True, metadata={"unit": unit}, **more)
    return file


def _read(file):
    file.seek(0)
    return pixel_sizes.read(file)


@pytest.mark.parametrize(
    ("file", "size"),
    [
        (lambda: _sides(0.325, 0.325), 0.325),
        (lambda: _sides(0.325, 0.325, **_units("\u00b5m")), 0.325),
        (lambda: _sides(325, 325, **_units("nm")), 0.325),
        (lambda: _sides(0.5, 5e-4, PhysicalSizeYUnit="mm"), 0.5),
        (lambda: _sides(0.3225, 0.32250001), 0.3225),
        (lambda: _imagej("um", 4, 4), 0.25),
        (lambda: _imagej("micron", 4, 4), 0.25),
        (lambda: _imagej("\\u00B5m", 4, 4), 0.25),
        (lambda: _imagej("nm", 0.01, 0.01), 0.1),
        (lambda: _imagej("um"), 1),  # As ImageJ shows it.
        (lambda: _imagej("mm", 2000.5, 2000.5), 1000 / 2000.5),
    ],
)
def test_a_size_that_is_used(file, size):
    found = _read(file())
    assert found.micrometres == pytest.approx(size, rel=1e-6)
    assert found.remark == f"a pixel has {size:.6g} micrometres, as the file states"


def _plain(**more):
    file = io.BytesIO()
    tifffile.imwrite(file, GREY, **more)
    return file


@pytest.mark.parametrize(
    "file",
    [
        _ome,
        lambda: _sides(1, 1, **_units("pixel")),
        lambda: _imagej("inch", 300, 300),
        lambda: _imagej("", 4, 4),
        _plain,
        lambda: _plain(resolution=(300, 300), resolutionunit="INCH"),
        lambda: _plain(resolution=(4e4, 4e4), resolutionunit="CENTIMETER"),
        lambda: _plain(description="<OME xmlns='x'><Pixels PhysicalSizeX='1'></OME>"),
        lambda: io.BytesIO(cv2.imencode(".png", GREY)[1].tobytes()),
        lambda: io.BytesIO(b""),
    ],
)
def test_files_that_state_none(file):
    assert _read(file()) == StatedSize(None, "")


def _two_pictures():
    file = io.BytesIO()
    with tifffile.TiffWriter(file, ome=True) as writer:
        for size in (0.5, 2):
            sides = {"PhysicalSizeX": size, "PhysicalSizeY": size}
            writer.write(GREY, metadata={"axes": "YX", **sides})
    return file


@pytest.mark.parametrize(
    ("file", "shown", "reason"),
    [
        (lambda: _sides(0.5, 0.25), "0.5 x 0.25", "pixels must be square"),
        (lambda: _imagej("um", 4, 2), "0.25 x 0.5", "pixels must be square"),
        (lambda: _ome(PhysicalSizeX=0.5), "0.5 x unknown", "pixels must be square"),
        (lambda: _sides(0.5, 0), "0.5 x unknown", "pixels must be square"),
        (lambda: _sides(5, 5, **_units("m")), "5e+06 x 5e+06", "it must be in [0.0001, 1000000.0]"),
        (_two_pictures, "0.5 x 0.5 or 2 x 2", "its pictures have different ones"),
    ],
)
def test_a_size_that_is_not_used_is_told(file, shown, reason):
    wanted = f"the file's size of a pixel, {shown} micrometres, is not used, because {reason}"
    assert _read(file()) == StatedSize(None, wanted)


def test_a_damaged_file_is_refused():
    content = _sides(0.5, 0.5).getvalue()
    with pytest.raises(ValueError, match="the file is damaged"):
        pixel_sizes.read(io.BytesIO(content[:20]))


def test_a_path_is_read_as_well(tmp_path):
    path = tmp_path / "a.ome.tif"
    path.write_bytes(_sides(2, 2).getvalue())
    assert pixel_sizes.read(str(path)).micrometres == 2
