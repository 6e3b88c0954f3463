"""TIFF files: every way to store a picture gives the pixels of its PNG; others are refused."""

import io

import cv2
import numpy as np
import PIL.Image
import pytest
import tifffile

from affinity_seg.data import bit_depth, picture_arrays, picture_headers, pictures
from affinity_seg.data.plane_choice import PlaneChoice, choose

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)
GREY = RGB[..., 0]
PLANES = np.moveaxis(RGB, 2, 0).copy()
STACK = RNG.integers(0, 256, (5, 40, 50), dtype=np.uint8)


def _tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def _saved(image, **options):
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "TIFF", **options)
    return file.getvalue()


def _read(content, **choice):
    choice = choose(choice.get("page"), choice.get("channels"))
    found = pictures.decode("x.tif", content, turned=True, choice=choice)
    assert (
        picture_headers.check_header("x.tif", content, turned=True, choice=choice)
        == found.shape[:2]
    )
    assert found.dtype == np.uint8 and found.shape[2] == 3
    return found


def _as_rgb(grey):
    return np.dstack([grey] * 3)


def _with_small_copy():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(GREY)
        writer.write(GREY[::2, ::2], subfiletype=1)
    return file.getvalue()


ALPHA = np.dstack([RGB, GREY])
SAME = {
    "grey": (_tiff(GREY), GREY),
    "RGB": (_tiff(RGB, photometric="rgb"), RGB),
    "RGBA": (_tiff(ALPHA, photometric="rgb", extrasamples=["unassalpha"]), RGB),
    "planes of RGB": (
        _tiff(PLANES, photometric="rgb", planarconfig="separate", metadata=None),
        RGB,
    ),
    "tiled, deflate": (_tiff(RGB, photometric="rgb", tile=(16, 16), compression="zlib"), RGB),
    "BigTIFF": (_tiff(GREY, bigtiff=True), GREY),
    "big-endian": (_tiff(GREY.astype(np.uint16), byteorder=">"), GREY),
    "OME": (_tiff(GREY, ome=True), GREY),
    "ImageJ": (_tiff(GREY.astype(np.uint16), imagej=True), GREY),
    "white is least": (_tiff(255 - GREY, photometric="miniswhite"), GREY),
    "1 bit": (_saved(GREY > 99), 255 * (GREY > 99).astype(np.uint8)),
    "PackBits": (_saved(RGB, compression="packbits"), RGB),
    "LZMA": (_tiff(GREY, compression="lzma"), GREY),
    "LZW": (_saved(RGB, compression="tiff_lzw"), RGB),
    "LZW, 16 bits": (_saved(GREY.astype(np.uint16), compression="tiff_lzw"), GREY),
    "16 bits": (_tiff(GREY.astype(np.uint16)), GREY),
    "16 bits with a sign": (_tiff(GREY.astype(np.int16)), GREY),
    "64 bits": (_tiff(GREY.astype(np.uint64)), GREY),
    "32 bits": (_tiff(GREY.astype(np.uint32)), GREY),
    "a small copy beside it": (_with_small_copy(), GREY),
    "real numbers": (_tiff(GREY.astype(np.float32)), GREY),
}


@pytest.mark.parametrize("kind", list(SAME))
def test_a_picture_is_the_same_however_it_is_stored(kind):
    content, wanted = SAME[kind]
    wanted = wanted if wanted.ndim == 3 else _as_rgb(wanted)
    np.testing.assert_array_equal(_read(content), wanted)
    assert picture_headers.format_of("x.tif", content) == "TIFF"


def test_a_palette_gives_its_colours():
    image = PIL.Image.fromarray(RGB).quantize(16)
    file = io.BytesIO()
    image.save(file, "TIFF")
    np.testing.assert_array_equal(_read(file.getvalue()), np.asarray(image.convert("RGB")))


def test_16_bits_are_those_of_a_png():
    values = RNG.integers(300, 5000, (40, 50), dtype=np.uint16)
    png = pictures.decode("x.png", cv2.imencode(".png", values)[1].tobytes())
    for content in (_tiff(values), _tiff(values.astype(np.float64)), _tiff(values, compression=8)):
        np.testing.assert_array_equal(_read(content), png)
    np.testing.assert_array_equal(picture_arrays.from_array(values), png)
    assert len(np.unique(png)) > 200


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"ome": True}, {"compression": "zlib"}])
def test_the_page_of_a_stack_is_chosen(options):
    content = _tiff(STACK, metadata={"axes": "ZYX"}, photometric="minisblack", **options)
    with pytest.raises(ValueError, match=r"^x\.tif: the TIFF file has 5 pages .*`--page`"):
        _read(content)
    with pytest.raises(ValueError, match=r"^x\.tif: `page` must be at most 5, .*: 6"):
        _read(content, page=6)
    for number in range(5):
        np.testing.assert_array_equal(_read(content, page=number + 1), _as_rgb(STACK[number]))


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_channels_are_chosen(kind):
    content = _tiff(STACK, metadata={"axes": "CYX"}, photometric="minisblack", **{kind: True})
    with pytest.raises(ValueError, match=r"^x\.tif: the TIFF file has 5 channels .*`--channels`"):
        _read(content)
    np.testing.assert_array_equal(_read(content, channels=4), _as_rgb(STACK[3]))
    wanted = np.dstack([STACK[0], STACK[4], STACK[1]])
    np.testing.assert_array_equal(_read(content, channels=[1, 5, 2]), wanted)
    with pytest.raises(ValueError, match=r"^x\.tif: `channels` must be in \[1, 5\].*: \[6\]"):
        _read(content, channels=6)


@pytest.mark.parametrize(("kind", "axes"), [("imagej", "TZCYX"), ("ome", "TCZYX")])
def test_page_and_channels_of_a_hyperstack(kind, axes):
    stack = RNG.integers(0, 256, (2, 3, 4, 40, 50), dtype=np.uint8)
    content = _tiff(stack, metadata={"axes": axes}, photometric="minisblack", **{kind: True})
    by_page = np.moveaxis(stack, axes.index("C"), 2).reshape(
        -1, stack.shape[axes.index("C")], 40, 50
    )
    for page in (1, 2, len(by_page)):
        np.testing.assert_array_equal(
            _read(content, page=page, channels=2), _as_rgb(by_page[page - 1, 1])
        )
    with pytest.raises(ValueError, match=rf"has {len(by_page)} pages"):
        _read(content, channels=2)


def test_samples_of_many_channels_and_one_colour_of_rgb():
    content = _tiff(np.moveaxis(STACK, 0, 2).copy(), photometric="minisblack", planarconfig=1)
    with pytest.raises(ValueError, match=r"has 5 channels"):
        _read(content)
    np.testing.assert_array_equal(_read(content, channels=5), _as_rgb(STACK[4]))
    np.testing.assert_array_equal(
        _read(_tiff(RGB, photometric="rgb"), channels=3), _as_rgb(RGB[..., 2])
    )


def test_three_planes_that_tifffile_calls_rgb_must_be_chosen():
    content = _tiff(PLANES, photometric="rgb", planarconfig="separate")
    assert content == _tiff(PLANES.copy(), photometric="rgb", planarconfig="separate")
    with pytest.raises(ValueError, match=r"^x\.tif: .* written by tifffile as three planes"):
        _read(content)
    np.testing.assert_array_equal(_read(content, channels=[1, 2, 3]), RGB)
    np.testing.assert_array_equal(_read(content, channels=2), _as_rgb(RGB[..., 1]))


@pytest.mark.parametrize(
    ("page", "options"),
    [
        (None, {"imagej": True}),
        (1, {"imagej": True}),
        (1, {}),
        (1, {"ome": True}),
        (2, {"compression": "zlib"}),
    ],
)
def test_a_stack_whose_later_pages_are_cut_off_is_damaged(page, options):
    content = _tiff(STACK, metadata={"axes": "ZYX"}, photometric="minisblack", **options)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        first = file.pages[0].dataoffsets[0]
    with pytest.raises(ValueError, match=r"^x\.tif: the file is damaged or cut off"):
        _read(content[: first + STACK[0].nbytes * 5 // 2], page=page)


def test_page_and_channels_of_other_files():
    png = cv2.imencode(".png", RGB[..., ::-1])[1].tobytes()
    found = pictures.decode("x", png, choice=PlaneChoice(page=1, channels=(3,)))
    np.testing.assert_array_equal(found, _as_rgb(RGB[..., 2]))
    with pytest.raises(ValueError, match=r"^x: `page` must be 1 of a PNG file: 2"):
        pictures.decode("x", png, choice=PlaneChoice(page=2))
    with pytest.raises(ValueError, match=r"^x: `channels` must be in \[1, 3\]"):
        pictures.decode("x", png, choice=PlaneChoice(channels=(4,)))


@pytest.mark.parametrize(
    ("page", "channels", "message"),
    [
        (0, None, "`page` must be at least 1"),
        (None, [0], r"`channels` must be one number for grey, three for .*: \[0\]"),
        (None, [1, -2], r"`channels` must be one number for grey, three for .*: \[1, -2\]"),
        (None, ["red"], "`channels` must be numbers"),
        (None, [], "`channels` must be one number"),
    ],
)
def test_choices_that_cannot_be(page, channels, message):
    with pytest.raises(ValueError, match=message):
        choose(page, channels)


def test_a_turned_file():
    content = _tiff(GREY, extratags=[(274, "H", 1, 6, True)])
    np.testing.assert_array_equal(_read(content), _as_rgb(np.rot90(GREY, -1)))
    with pytest.raises(ValueError, match=r"^x: EXIF orientation must be 1"):
        pictures.decode("x", content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_tiff(GREY)[:200], "the file is damaged or cut off, 200 bytes"),
        (_tiff(RGB, compression="zlib")[:2000], "the file is damaged or cut off"),
        (b"II*\0" + bytes(50), "the file is damaged or cut off|the TIFF file holds no picture"),
        (_tiff(np.float32([[1, np.nan], [np.inf, 2]])), "values must be finite: 2 of 4"),
        (_tiff(np.ones((4, 4), np.complex64)), "values must be whole or real numbers: complex64"),
        (_tiff(GREY, subfiletype=1), "the TIFF file holds no picture, or only reduced ones"),
        (
            _tiff(ALPHA, photometric="separated"),
            "the TIFF file's colours must be grey, .*: SEPARATED",
        ),
        (_tiff(np.uint8([[1]])), r"must have 2 to \d+ pixels: 1x1"),
    ],
)
def test_other_files_are_named_with_what_is_wrong(content, message):
    with pytest.raises(ValueError, match=f"^x.tif: ({message})") as refused:
        pictures.decode("x.tif", content, turned=True)
    assert "\n" not in str(refused.value)


def test_counts_of_8_bits_stay_and_others_are_stretched():
    for dtype in (np.uint16, np.int16, np.int64, np.float32):
        np.testing.assert_array_equal(bit_depth.to_8_bits(RGB.astype(dtype)), RGB)
    values = np.arange(256, 1756).astype(np.uint16)
    wanted = np.clip(np.floor(255 * (values - 257.0) / (1754 - 257) + 0.5), 0, 255)
    for shifted in (values, values + 40000, values.astype(np.int32) - 9000, values.astype(float)):
        np.testing.assert_array_equal(bit_depth.to_8_bits(shifted), wanted)
    low = np.array([-128, -1, 0, 127], np.int8)
    np.testing.assert_array_equal(bit_depth.to_8_bits(low), [0, 127, 128, 255])
    # Fractions follow the same line, but have no unit.
    np.testing.assert_allclose(bit_depth.to_8_bits(values / 3e5), wanted, atol=1)


def test_next_to_nothing_is_not_stretched():
    noise = RNG.normal(1000, 5, (64, 64))
    counts = bit_depth.to_8_bits(np.rint(noise).astype(np.uint16))
    assert 20 < np.ptp(counts) < 60
    assert np.ptp(bit_depth.to_8_bits(noise / 1000 * 1e-4 + 5)) <= 1
    assert not bit_depth.to_8_bits(np.full((4, 4), 0.3)).any()
    assert not bit_depth.to_8_bits(np.full((4, 4), 3000, np.uint16)).any()
    lonely = np.zeros((100, 100))
    lonely[5, 5] = 0.5
    assert bit_depth.to_8_bits(lonely)[5, 5] > 100


def test_a_hot_pixel_takes_no_depth():
    values = RNG.integers(0, 1000, (100, 100), dtype=np.uint16)
    values[3, 4] = 65535
    assert len(np.unique(bit_depth.to_8_bits(values))) > 250


def test_damaged_files_raise_nothing_but_value_errors():
    random, refused = np.random.default_rng(1), 0
    files = [_tiff(RGB, photometric="rgb", compression="zlib"), _saved(RGB, compression="tiff_lzw")]
    files.append(_tiff(STACK, metadata={"axes": "ZYX"}, ome=True))
    for content in files:
        for _ in range(80):
            damaged = bytearray(content)
            # The last bytes have the tags of Pillow's files, the first those of tifffile's.
            place = int(random.integers(4, 300)) * int(random.choice([-1, 1]))
            damaged[place] = random.integers(256)
            try:
                pictures.decode("x", bytes(damaged), turned=True, choice=choose(1, None))
            except ValueError as error:
                refused += 1
                assert str(error).startswith("x: ") and "\n" not in str(error)
    assert refused > 20


@pytest.mark.parametrize(
    "old, new",
    [
        ('PlaneCount="5"', 'PlaneCount="1000000000"'),
        ('SizeZ="5"', 'SizeZ="1000000000"'),
        ('SizeX="50"', 'SizeX="100000000000"'),
    ],
)
def test_the_pages_that_ome_declares_are_not_believed(old, new):
    options = {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}
    with tifffile.TiffFile(io.BytesIO(_tiff(STACK, ome=True, **options))) as file:
        xml = file.ome_metadata
    assert old in xml
    described = _tiff(STACK, description=xml.replace(old, new), **(options | {"metadata": None}))
    with pytest.raises(ValueError, match=r"^x: a TIFF file must declare at most 16777216 pages: "):
        picture_headers.check_header("x", described, choice=choose(1, None))


def test_too_little_memory_is_no_damage(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(tifffile.TiffPage, "asarray", fail)
    with pytest.raises(MemoryError):
        pictures.decode("x", _tiff(RGB, photometric="rgb", compression="zlib"))


def test_the_sizes_of_a_header_are_not_believed():
    content = _tiff(np.zeros((2, 2, 40000), np.uint8), photometric="minisblack", planarconfig=1)
    large = bytearray(content)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for name in ("ImageWidth", "ImageLength"):
            tag = file.pages[0].tags[name]
            large[tag.valueoffset : tag.valueoffset + 2] = (8000).to_bytes(2, "little")
    with pytest.raises(ValueError, match=r"^x: the TIFF file's page has 2560000000000 bytes"):
        pictures.decode("x", bytes(large), choice=choose(None, 1))
