"""Formats and EXIF: programs and graphs read every file alike, and as Pillow shows it."""

import io
import math
import re

import cv2
import numpy as np
import picture_bytes
import PIL.Image
import PIL.ImageOps
import pytest
import tensorflow as tf

from affinity_seg.data import graph_pictures, picture_headers, pictures
from affinity_seg.data.picture_files import FORMATS

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (11, 19, 3), dtype=np.uint8)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def _in_graph(content):
    return graph_pictures.decode(content, ["image", 0])


def _read(content):
    """Returns a picture, which programs and graph must see alike, or why both refuse it."""
    try:
        found = pictures.decode("x", content, FORMATS, turned=True)
    except ValueError as error:
        message = str(error).removeprefix("x: ")
        with pytest.raises(tf.errors.InvalidArgumentError) as refused:
            _in_graph(content)
        if "damaged" not in message:  # In the graph, decoders say it in their own words.
            assert re.split("[,:]", message)[0] in str(refused.value)
        return message
    np.testing.assert_array_equal(_in_graph(content).numpy(), found)
    assert picture_headers.check_header("x", content, turned=True) == found.shape[:2]
    return found


def _as_shown(stored, orientation):
    image = PIL.Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    return np.asarray(PIL.ImageOps.exif_transpose(image))


FILES = {
    "jpeg": lambda data: picture_bytes.jpeg(
        PIXELS, picture_bytes.segment(0xE1, b"Exif\0\0" + data)
    ),
    "png": lambda data: picture_bytes.png(PIXELS, picture_bytes.chunk(b"eXIf", data)),
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", list(FILES))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(orientation, kind, order):
    content = FILES[kind](picture_bytes.exif(orientation, order, entries=3))
    with PIL.Image.open(io.BytesIO(content)) as opened:
        assert opened.getexif()[0x0112] == orientation
        assert PIL.ImageOps.exif_transpose(opened).size[::-1] == _read(content).shape[:2]
    stored = pictures.decode("x", FILES[kind](b""))
    assert stored.shape == PIXELS.shape
    np.testing.assert_array_equal(_read(content), _as_shown(stored, orientation))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_refused_where_a_mask_must_fit(orientation):
    for make in FILES.values():
        content = make(picture_bytes.exif(orientation))
        message = rf"x\.jpg: EXIF orientation must be 1, .* a mask must fit: {orientation}; store"
        with pytest.raises(ValueError, match=message):
            pictures.decode("x.jpg", content)
        with pytest.raises(ValueError, match=message):
            picture_headers.check_header("x.jpg", content)


EXIF_6 = picture_bytes.segment(0xE1, b"Exif\0\0" + picture_bytes.exif(6))
XMP = picture_bytes.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")


@pytest.mark.parametrize(
    "content",
    [
        picture_bytes.jpeg(PIXELS, picture_bytes.segment(0xE0, b"JFIF\0" + bytes(9)), EXIF_6),
        picture_bytes.jpeg(PIXELS, XMP, picture_bytes.segment(0xE2, bytes(60000)), EXIF_6),
        picture_bytes.jpeg(PIXELS, EXIF_6, XMP),
        picture_bytes.jpeg(PIXELS, b"\xff\xff\xff" + EXIF_6),
        picture_bytes.photo(PIXELS, 6, padding=30000, order=">"),
        picture_bytes.photo(PIXELS, 6, kind=4),
        picture_bytes.photo(PIXELS, 6, entries=300),
        picture_bytes.png(
            PIXELS, behind=[picture_bytes.chunk(b"eXIf", picture_bytes.exif(6, ">"))]
        ),
        picture_bytes.png(
            PIXELS,
            picture_bytes.chunk(b"tEXt", b"Comment\0" + bytes(70000)),
            picture_bytes.chunk(b"eXIf", picture_bytes.exif(6)),
        ),
    ],
)
def test_exif_data_is_found_where_it_stands(content):
    with PIL.Image.open(io.BytesIO(content)) as opened:
        assert opened.getexif()[0x0112] == 6
    assert _read(content).shape == (19, 11, 3)


def _damaged_exif():
    whole = picture_bytes.exif(6)
    for orientation in (0, 9, 65535):
        yield picture_bytes.exif(orientation)
    yield picture_bytes.exif(6, kind=1)
    yield picture_bytes.exif(6, kind=2)
    yield picture_bytes.exif(6, count=2)
    yield picture_bytes.exif(6, count=2**32 - 1)
    yield from (whole[:size] for size in range(len(whole) - 6))
    yield b"II*\0" + b"\xff\xff\xff\xff" + whole[8:]  # The list lies far behind the end,
    yield b"II*\0" + b"\0\0\0\0" + whole[8:]  # or at the mark,
    yield b"II*\0" + b"\x08\0\0\0" + b"\xff\xff" + bytes(40)  # or has more entries than there are,
    yield b"II*\0" + b"\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0"  # or is its own next one.
    yield b"XX*\0" + whole[4:]
    yield b""


@pytest.mark.parametrize("kind", list(FILES))
def test_exif_data_that_is_damaged_leaves_a_picture_upright(kind):
    upright = _read(FILES[kind](picture_bytes.exif(1)))
    for data in _damaged_exif():
        found = _read(FILES[kind](data))
        assert not isinstance(found, str), data
        np.testing.assert_array_equal(found, upright, str(data))


def test_a_segment_that_leads_nowhere_ends_the_search():
    content = picture_bytes.png(PIXELS, behind=[picture_bytes.chunk(b"tEXt", b"a\0b")] * 5)
    content = content[:-12] + b"\xff\xff\xff\xffeXIf" + content[-12:]
    assert picture_headers.check_header("x", content, turned=True) == PIXELS.shape[:2]
    for tail in (b"", b"\xff", b"\xff\xe1", b"\xff\xe1\0\x01", b"\xff\xe1\xff\xffExif\0\0"):
        assert isinstance(_read(b"\xff\xd8\xff" + tail), str)


@pytest.mark.parametrize(
    "content",
    [
        picture_bytes.photo(PIXELS, 6),
        picture_bytes.png(PIXELS, picture_bytes.chunk(b"eXIf", picture_bytes.exif(7, ">"))),
        cv2.imencode(".bmp", PIXELS)[1].tobytes(),
    ],
    ids=["jpeg", "png", "bmp"],
)
def test_flipped_bytes_are_read_alike(content):
    rng = np.random.default_rng(1)
    header = 80  # Most of what is read besides the pixels.
    sizes = set()
    for attempt in range(150):
        broken = np.frombuffer(content, np.uint8).copy()
        end = header if attempt % 2 else len(content)
        for place in rng.integers(0, end, rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        broken = broken.tobytes()[: rng.integers(1, len(content)) if attempt % 5 == 0 else None]
        found = _read(broken)
        sizes.add(found if isinstance(found, str) else found.shape)
    assert len(sizes) > 3 and any(isinstance(size, tuple) for size in sizes)


def _rows(pixels, width):
    """Returns pixels [H, W, C] as the rows of a BMP, filled up to four bytes."""
    rows = pixels.reshape(len(pixels), -1)
    return np.pad(rows, [[0, 0], [0, -rows.shape[1] % 4]]).tobytes()


def test_bmp():
    height, width = PIXELS.shape[:2]
    bgr = PIXELS[..., ::-1]
    bgra = np.concatenate([bgr, PIXELS[..., :1]], axis=2)
    for pixels, bits in ((bgr, 24), (bgra, 32)):
        rows, reverse = _rows(pixels, width), _rows(pixels[::-1], width)
        down = _read(picture_bytes.bmp(rows, -height, width, bits))
        up = _read(picture_bytes.bmp(reverse, height, width, bits))
        np.testing.assert_array_equal(down, PIXELS)
        np.testing.assert_array_equal(up, PIXELS)
    masks = b"".join(mask.to_bytes(4, "little") for mask in (0xFF0000, 0xFF00, 0xFF))
    found = _read(
        picture_bytes.bmp(_rows(bgra, width), -height, width, 32, compression=3, masks=masks)
    )
    np.testing.assert_array_equal(found, PIXELS)


@pytest.mark.parametrize("number", [2, 16, 256])
def test_bmp_with_a_palette(number):
    indices = RNG.integers(0, number, PIXELS.shape[:2], dtype=np.uint8)
    colors = RNG.integers(0, 256, (number, 4), dtype=np.uint8)
    rows = _rows(indices[..., None], PIXELS.shape[1])
    content = picture_bytes.bmp(rows, -len(indices), PIXELS.shape[1], 8, palette=colors.tobytes())
    with PIL.Image.open(io.BytesIO(content)) as opened:
        np.testing.assert_array_equal(_read(content), np.asarray(opened.convert("RGB")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (picture_bytes.bmp(bytes(99), 8, 8, 1), "a BMP file must have 8, 24 or 32 bits"),
        (picture_bytes.bmp(bytes(99), 8, 8, 16), "a BMP file must have 8, 24 or 32 bits"),
        (picture_bytes.bmp(bytes(99), 8, 8, 8, compression=1), "a BMP file .* no compression"),
        (picture_bytes.bmp(bytes(999), 8, 8, 32, compression=3, masks=bytes(12)), "a BMP file"),
        (picture_bytes.bmp(bytes(999), 8, 8, 24, info=12), "a BMP file must have"),
        (picture_bytes.bmp(b"", 8200, 8200, 24), "must have 2 to 67108864 pixels: 8200x8200"),
        (picture_bytes.bmp(b"", -(2**31), 8, 24), "must have 2 to .* pixels: 2147483648x8"),
        (picture_bytes.bmp(bytes(999), 8, -8, 24), "the file is damaged"),
        (picture_bytes.bmp(bytes(20), 8, 8, 24), "the file is damaged"),
        (picture_bytes.bmp(b"", 8, 8, 24)[:40], "the file is damaged"),
        (b"GIF89a" + bytes(50), "not a PNG, JPEG or BMP file but GIF"),
        (b"II*\0" + bytes(50), "not a PNG, JPEG or BMP file but TIFF"),
        (b"MM\0*" + bytes(50), "not a PNG, JPEG or BMP file but TIFF"),
        (b"II+\0" + bytes(50), "not a PNG, JPEG or BMP file but TIFF"),
        (b"RIFF" + bytes(50), "not a PNG, JPEG or BMP file but WebP"),
        (b"hello", "not a PNG, JPEG or BMP file"),
        (b"", "not a PNG, JPEG or BMP file"),
        (b"\xfe\xff\x80", "not a PNG, JPEG or BMP file"),
        (picture_bytes.png(PIXELS)[:30], "the file is damaged"),
        (picture_bytes.png(PIXELS)[:90], "the file is damaged"),
        (b"\x89PNG\r\n\x1a\n" + picture_bytes.chunk(b"IDAT", bytes(40)), "the file is damaged"),
        (picture_bytes.jpeg(PIXELS)[:-50], "the file is damaged"),
    ],
)
def test_other_files_are_refused_alike(content, message):
    with pytest.raises(ValueError, match=f"^x: {message}"):
        pictures.decode("x", content, FORMATS, turned=True)
    assert isinstance(_read(content), str)


def test_a_mask_must_have_its_format():
    with pytest.raises(ValueError, match=r"^x: not a PNG file but BMP"):
        picture_headers.check_header("x", cv2.imencode(".bmp", PIXELS)[1].tobytes(), ("PNG",))
    with pytest.raises(ValueError, match=r"^x: not a PNG file, 5 bytes"):
        picture_headers.check_header("x", b"hello", ("PNG",))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1"])
def test_png_of_every_kind(mode):
    source = PIL.Image.fromarray(np.dstack([PIXELS, PIXELS[..., 1]]))
    file = io.BytesIO()
    image = source.convert("RGB").convert(mode) if mode in "P1L" else source.convert(mode)
    image.save(file, "PNG")
    wanted = np.asarray(image)[..., :3] if "RGB" in mode else np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(_read(file.getvalue()), wanted)


@pytest.mark.parametrize("shape", [(11, 19), (11, 19, 3), (11, 19, 4)])
@pytest.mark.parametrize("most", [255, 300, 4000, 65535])
def test_16_bits_are_stretched_to_8_and_small_counts_stay(shape, most):
    pixels = RNG.integers(0, most + 1, shape, dtype=np.uint16)
    pixels[0, 0] = most
    found = _read(cv2.imencode(".png", pixels)[1].tobytes())
    wanted = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels[..., 2::-1]
    ordered = np.sort(wanted, axis=None).astype(float)
    low, high = (ordered[math.ceil(share / 100 * wanted.size) - 1] for share in (0.1, 99.9))
    if most > 255:
        wanted = np.clip(np.floor((wanted - low) * 255 / max(high - low, 255) + 0.5), 0, 255)
    np.testing.assert_array_equal(found, wanted)
