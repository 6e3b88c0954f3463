"""Makes the pictures of docs/page.md: the page of `affinity_seg serve` in Debian's chromium.

PYTHONPATH=. python tests/page_pictures.py
"""

import pathlib
import sys

import cv2
import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "serving" / "page"))

import devtools  # noqa: E402
from serve_process import serve  # noqa: E402

from affinity_seg import files  # noqa: E402

FOLDER = HERE.parent / "docs" / "images"
PICTURE = HERE.parent / "models" / "nuclei.png"
_QUALITY = 75


def _write(page, name):
    """Writes what the window shows as a JPEG file."""
    pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    path = FOLDER / f"{name}.jpg"
    files.write_bytes(str(path), content)
    print(f"written: {path}, {len(content) / 1000:.0f} kB")


def main():
    """Writes the pictures of a wide and of a narrow window."""
    with serve(str(FOLDER)) as (url, _), devtools.opened(url, 1280, 800) as page:
        page.wait("document.getElementById('allowed').innerText")
        page.drop(PICTURE, "body")
        page.wait("document.querySelectorAll('.instance').length && !document.body.ariaBusy")
        page.ask("document.getElementById('threshold-0').focus()")
        page.press("ArrowRight", 10)
        page.wait("!document.getElementById('count').ariaBusy")
        page.ask("document.activeElement.blur()")
        page.point(*page.center(".instance[data-index='40']"))
        _write(page, "page")
        page.resize(390, 844)
        page.wait("document.getElementById('frame').getBoundingClientRect().width < 390")
        page.point(1, 1)
        page.ask("document.getElementById('merge-head').scrollIntoView({block: 'center'})")
        _write(page, "page_small")


if __name__ == "__main__":
    main()
