"""Picture files made byte by byte, for tests."""

import struct
import zlib

import cv2


def exif(orientation, order="<", kind=3, count=1, padding=0, entries=1):
    """Returns EXIF data: a list with other entries first, then the orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(order + "HHII", 0x0100 + i, 4, 1, 7) for i in range(entries - 1))
    value = struct.pack(order + {1: "B3x", 3: "H2x", 4: "I"}.get(kind, "I"), orientation)
    body += struct.pack(order + "HHI", 0x0112, kind, count) + value
    start = struct.pack(order + "I", 8 + padding) + bytes(padding)
    return mark + start + struct.pack(order + "H", entries) + body + bytes(4)


def segment(marker, data):
    """Returns a segment of a JPEG."""
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg(pixels, *segments):
    """Returns a JPEG file with segments behind its start, before its own APP0."""
    content = cv2.imencode(".jpg", pixels)[1].tobytes()
    return content[:2] + b"".join(segments) + content[2:]


def photo(pixels, orientation, **options):
    """Returns a JPEG file with an EXIF orientation; other arguments are those of `exif`."""
    return jpeg(pixels, segment(0xE1, b"Exif\0\0" + exif(orientation, **options)))


def chunk(kind, data):
    """Returns a chunk of a PNG."""
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(pixels, *before, behind=()):
    """Returns a PNG file with chunks before and behind its pixels."""
    content = cv2.imencode(".png", pixels)[1].tobytes()
    return content[:33] + b"".join(before) + content[33:-12] + b"".join(behind) + content[-12:]


def bmp(rows, height, width, bits, *, info=40, compression=0, palette=b"", masks=b""):
    """Returns a BMP file of `rows`, bytes; a negative height says that the first row is on top."""
    start = 14 + info + len(masks) + len(palette)
    header = struct.pack("<IIIIii", start + len(rows), 0, start, info, width, height)
    header += struct.pack("<HHIIIIII", 1, bits, compression, len(rows), 0, 0, len(palette) // 4, 0)
    return b"BM" + header + masks + palette + rows


def claimed_png(height, width, bits=8, kind=0):
    """Returns a PNG file of a few bytes whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
