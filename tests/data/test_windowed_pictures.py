"""Pictures that are read in parts: each part has the values of the whole picture."""

import cv2
import numpy as np
import pytest
import tifffile

from affinity_seg.data import picture_headers, pictures, windows
from affinity_seg.data.plane_choice import ALL, PlaneChoice

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (203, 170), dtype=np.uint8)
DEEP = RNG.integers(200, 5000, (203, 170), dtype=np.uint16)
RGB = RNG.integers(0, 256, (203, 170, 3), dtype=np.uint8)
PLANES = np.moveaxis(RGB, 2, 0).copy()
BOXES = ((0, 0, 203, 170), (17, 30, 120, 99), (200, 169, 203, 170), (0, 64, 64, 128))

FILES = {
    "one strip": (GREY, {}),
    "strips": (GREY, {"rowsperstrip": 7, "compression": "zlib"}),
    "tiles": (DEEP, {"tile": (64, 48), "compression": "zlib"}),
    "tiles without compression": (RGB, {"tile": (16, 32), "photometric": "rgb"}),
    "big-endian": (DEEP, {"byteorder": ">"}),
    "BigTIFF": (DEEP, {"bigtiff": True, "tile": (64, 64)}),
    "RGB, strips": (RGB, {"rowsperstrip": 20, "photometric": "rgb", "compression": "zlib"}),
    "planes of RGB": (
        PLANES,
        {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 32), "metadata": None},
    ),
    "planes of RGB, one strip": (
        PLANES,
        {"photometric": "rgb", "planarconfig": "separate", "metadata": None},
    ),
    "white is least": (GREY, {"photometric": "miniswhite", "rowsperstrip": 9}),
    "predictor": (DEEP, {"compression": "zlib", "predictor": True, "tile": (64, 64)}),
}


@pytest.fixture(autouse=True)
def small_pictures_are_read_in_parts(monkeypatch):
    monkeypatch.setattr(windows, "READ_IN_PARTS", 1000)


def _check(path, choice=ALL):
    image, values = pictures.decode_with_channels(path, pictures.read_bytes(path), choice)
    np.testing.assert_array_equal(image, pictures.read(path, choice=choice))
    picture = windows.open_picture(path, choice)
    assert isinstance(picture, windows._TiffPicture)
    assert picture.size == image.shape[:2]
    for y0, x0, y1, x1 in BOXES:
        np.testing.assert_array_equal(picture.read_values((y0, x0, y1, x1)), values[y0:y1, x0:x1])
        np.testing.assert_array_equal(picture.read((y0, x0, y1, x1)), image[y0:y1, x0:x1])
    np.testing.assert_array_equal(picture.histogram(), [np.bincount(image.ravel(), minlength=256)])
    whole = windows.WindowedPicture(image)
    np.testing.assert_array_equal(picture.histogram(), whole.histogram())
    picture.close()


@pytest.mark.parametrize("kind", list(FILES))
def test_parts_are_those_of_the_whole(tmp_path, kind):
    values, options = FILES[kind]
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, values, **options)
    _check(path)


@pytest.mark.parametrize("options", [{"ome": True}, {"imagej": True}, {"tile": (32, 32)}])
def test_page_and_channels_are_chosen(tmp_path, options):
    path = str(tmp_path / "a.tif")
    tile = options.get("tile", () if "imagej" in options else (64, 64))
    stack = RNG.integers(0, 256, (2, 3, 203, 170), dtype=np.uint8)
    tifffile.imwrite(
        path, stack, photometric="minisblack", **{**options, **({"tile": tile} if tile else {})},
        metadata={"axes": "ZCYX"},
    )  # fmt: skip
    choice = PlaneChoice(page=2, channels=(3, 1, 2))
    if "imagej" in options:  # All pages follow each other; tifffile sees one.
        np.testing.assert_array_equal(
            windows.open_picture(path, choice).read((0, 0, 203, 170)),
            pictures.read(path, choice=choice),
        )
    else:
        _check(path, choice)


def test_other_files_are_decoded_whole(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.png", "b.tif", "c.tif")]
    cv2.imwrite(paths[0], DEEP)
    tifffile.imwrite(paths[1], DEEP.astype(np.float32))
    tifffile.imwrite(paths[2], GREY, extratags=[(274, "H", 1, 6, True)])
    for path in paths:
        picture = windows.open_picture(path)
        assert type(picture) is windows.WindowedPicture
        whole = (0, 0, *picture.size)
        np.testing.assert_array_equal(picture.read(whole), pictures.read(path))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (GREY.astype(np.float32), {}, "grey or RGB, .* 8 or 16 bits .*: 1 channels of float32"),
        (GREY, {"extratags": [(274, "H", 1, 6, True)]}, "must be stored upright"),
    ],
)
def test_what_cannot_be_read_at_all_is_named(tmp_path, monkeypatch, values, options, message):
    monkeypatch.setattr(picture_headers, "MAX_PIXELS", 2000)
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, values, **options)
    with pytest.raises(ValueError, match=f"a.tif: .*{message}"):
        windows.open_picture(path)


@pytest.mark.parametrize("in_parts", [True, False])
def test_all_channels_can_be_measured_where_one_is_chosen(tmp_path, monkeypatch, in_parts):
    if not in_parts:
        monkeypatch.setattr(windows, "READ_IN_PARTS", 2**24)
    path = str(tmp_path / "a.ome.tif")
    other = GREY[::-1].copy()
    tifffile.imwrite(path, np.stack([GREY, other]), metadata={"axes": "CYX"}, ome=True)
    picture = windows.open_picture(path, PlaneChoice(channels=(2,)))
    assert isinstance(picture, windows._TiffPicture) == in_parts
    box = (3, 5, 40, 30)
    np.testing.assert_array_equal(picture.read(box)[..., 0], other[3:40, 5:30])
    np.testing.assert_array_equal(picture.read_values(box), np.stack([GREY, other], 2)[3:40, 5:30])
    whole = windows.WindowedPicture(np.repeat(other[..., None], 3, axis=2))
    np.testing.assert_array_equal(picture.histogram(), whole.histogram())
    picture.close()


def test_other_channels_are_decoded_whole_if_they_can_be(tmp_path, monkeypatch):
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, np.stack([GREY] * 4), metadata={"axes": "CYX"})
    choice = PlaneChoice(channels=(1, 2, 3, 4))
    picture = windows.open_picture(path, choice)
    assert type(picture) is windows.WindowedPicture and picture.histogram().shape == (4, 256)
    monkeypatch.setattr(picture_headers, "MAX_PIXELS", 2000)
    with pytest.raises(ValueError, match=r"must be grey or RGB, .*: 4 channels of uint8"):
        windows.open_picture(path, choice)


@pytest.mark.parametrize("options", [{}, {"tile": (64, 64)}])
def test_a_file_that_is_cut_off_is_named(tmp_path, options):
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, DEEP, **options)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ValueError, match=r"a\.tif: the file is damaged or cut off") as refused:
        windows.open_picture(path)
    assert "\n" not in str(refused.value)
