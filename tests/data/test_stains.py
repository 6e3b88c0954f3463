"""Pictures of several stains are told from grey ones, tinted ones, noise and photographs."""

import cv2
import numpy as np
import pytest
import tifffile

from affinity_seg.data import stains, windows
from affinity_seg.data.windows import WindowedPicture


def _blobs(seed, count=25, radius=9, size=(240, 300)):
    """Bright discs on a dark background with noise, float [H, W], 0..1."""
    rng = np.random.default_rng(seed)
    image = np.zeros(size)
    for y, x in rng.integers(0, size, (count, 2)):
        cv2.circle(image, (int(x), int(y)), radius, 0.4 + 0.6 * rng.random(), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def _picture(channels, noise=0.02, seed=9):
    image = np.dstack(channels)
    image = image + np.random.default_rng(seed).normal(0, noise, image.shape)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _found(image):
    return stains.difference(WindowedPicture(image))


def _jpeg(image, quality=60):
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


_NUCLEI = _blobs(0)
_CELLS = _blobs(1, 12, 30)
_NOTHING = np.zeros_like(_NUCLEI)


def test_two_stains_are_named():
    found = _found(_picture([_NOTHING, _CELLS, _NUCLEI]))
    assert (found.first, found.second) == (2, 3)
    assert abs(found.correlation) < 0.3
    assert _found(_jpeg(_picture([_NOTHING, _CELLS, _NUCLEI]))) is not None


def test_nuclei_within_stained_cells_are_two_stains():
    bodies = cv2.GaussianBlur(cv2.dilate(_NUCLEI, np.ones((25, 25))), (0, 0), 4)
    assert _found(_picture([bodies - 0.5 * _NUCLEI, _NOTHING, _NUCLEI])) is not None


def test_the_pair_that_differs_most_is_named():
    tinted = 0.7 * _NUCLEI
    found = _found(_picture([_NUCLEI, tinted, 1 - _NUCLEI], noise=0))
    assert found.correlation == pytest.approx(-1, abs=0.01) and found.second == 3


@pytest.mark.parametrize("noise", [0, 0.05, 0.2])
@pytest.mark.parametrize("tint", [(1, 1, 1), (0, 0, 1), (0.1, 0.2, 1), (1, 0.4, 0.02), (0, 1, 1)])
def test_one_stain_in_any_tint_is_none(noise, tint):
    image = _picture([share * _NUCLEI for share in tint], noise)
    assert _found(image) is None
    assert _found(_jpeg(image)) is None


def test_grey_and_dark_pictures_and_other_channels_are_none():
    grey = _picture([_NUCLEI] * 3, noise=0)
    assert _found(grey) is None
    assert _found(np.zeros((50, 60, 3), np.uint8)) is None
    assert _found(np.full((1, 1, 3), 7, np.uint8)) is None
    assert _found(_picture([_NOTHING] * 3, noise=0.05)) is None
    assert _found(_picture([_NUCLEI, _CELLS, _NOTHING, _CELLS])) is None
    assert stains.difference(WindowedPicture(grey, grey[..., :1])) is None


def test_a_grey_picture_with_coloured_marks_is_none():
    image = _picture([_NUCLEI] * 3)
    cv2.putText(image, "20 um", (200, 220), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 0), 2)
    assert _found(image) is None


def test_a_large_picture_is_read_in_strips(tmp_path, monkeypatch):
    image = _picture([_NOTHING, _CELLS, _NUCLEI])
    whole = _found(image)
    path = str(tmp_path / "large.tif")
    tifffile.imwrite(path, image, tile=(32, 48), compression="zlib")
    monkeypatch.setattr(windows, "READ_IN_PARTS", 1000)
    monkeypatch.setattr(windows, "_ROWS_PIXELS", 12_000)
    picture = windows.open_picture(path)
    assert len(list(picture.all_rows())) == 6
    found = stains.difference(picture)
    picture.close()
    assert (found.first, found.second) == (whole.first, whole.second)
    assert found.correlation == pytest.approx(whole.correlation, abs=0.01)
