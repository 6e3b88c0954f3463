"""Makes the pictures of README.md from what `make demo` left.

PYTHONPATH=. python tools/readme_pictures.py runs/demo
"""

import pathlib
import sys

import numpy as np

from affinity_seg import files
from affinity_seg.data import pictures
from affinity_seg.visualization import layout, report_pictures

ROOT = pathlib.Path(__file__).parent.parent
STREET = "dornstadt_000007_000019"
WIDTH = 640
"""Pixels of each half; the whole picture is twice as wide."""


def write(name: str, image: pathlib.Path, instances: pathlib.Path) -> None:
    """Writes an image and its instances beside each other as docs/images/`name`.jpg."""
    halves = [layout.resized(pictures.read(str(path)), WIDTH) for path in (image, instances)]
    path = ROOT / "docs" / "images" / f"{name}.jpg"
    files.write_bytes(str(path), report_pictures.to_jpeg(np.hstack(halves)))
    print(f"written: {path}")


def main(demo: pathlib.Path) -> None:
    """Writes both pictures."""
    write("nuclei", ROOT / "models" / "nuclei.png", demo / "nuclei" / "nuclei_instances.png")
    town = STREET.partition("_")[0]
    street = demo / "streets" / "leftImg8bit" / "val" / town / f"{STREET}_leftImg8bit.png"
    write("demo", street, demo / "pictures" / f"{STREET}_instances.png")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
