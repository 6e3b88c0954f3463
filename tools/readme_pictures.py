"""Makes the pictures of README.md from what `make demo` left.

PYTHONPATH=. python tools/readme_pictures.py runs/demo
"""

import pathlib
import sys

import cv2
import numpy as np

from affinity_seg import files

ROOT = pathlib.Path(__file__).parent.parent
STREET = "dornstadt_000007_000019"
WIDTH = 640
"""Pixels of each half; the whole picture is twice as wide."""

_QUALITY = 90


def write(name: str, image: pathlib.Path, instances: pathlib.Path) -> None:
    """Writes an image and its instances beside each other as docs/images/`name`.jpg."""
    halves = []
    for path in (image, instances):
        pixels = cv2.imread(str(path))
        if pixels is None:
            raise FileNotFoundError(f"the picture does not exist: {path}; `make demo` makes it")
        height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
        way = cv2.INTER_AREA if pixels.shape[1] > WIDTH else cv2.INTER_CUBIC
        halves.append(cv2.resize(pixels, (WIDTH, height), interpolation=way))
    content = cv2.imencode(".jpg", np.hstack(halves), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    path = ROOT / "docs" / "images" / f"{name}.jpg"
    files.write_bytes(str(path), content.tobytes())
    print(f"written: {path}, {len(content) / 1000:.0f} kB")


def main(demo: pathlib.Path) -> None:
    """Writes both pictures."""
    write("nuclei", ROOT / "models" / "nuclei.png", demo / "nuclei" / "nuclei_instances.png")
    town = STREET.partition("_")[0]
    street = demo / "streets" / "leftImg8bit" / "val" / town / f"{STREET}_leftImg8bit.png"
    write("demo", street, demo / "pictures" / f"{STREET}_instances.png")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
