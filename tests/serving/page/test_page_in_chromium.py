"""The page of `affinity_seg serve` in Debian's chromium, used by its real buttons."""

import re
import shlex

import devtools
import numpy as np
import pytest
import roifile
import tifffile
from fills import fill
from serve_process import serve

from affinity_seg import verbs
from affinity_seg.export import formats

WARN = """
  const own = fetch;
  window.fetch = async (path, options) => {
    const response = await own(path, options);
    if (!response.ok || !path.includes("/instances")) return response;
    return Response.json({ ...(await response.json()), warning: "3 of 9 may be cut" });
  };
"""
"""Gives the page a warning with the next instances, as a large picture may have one."""

COUNT = "document.querySelectorAll('.instance').length"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("served")) as (url, _):
        yield url


def _drop(page, path):
    page.wait("document.getElementById('allowed').innerText")
    page.drop(path, "body")
    page.wait(f"{COUNT} > 0 && !document.body.ariaBusy")
    return page.ask(COUNT)


def _move(page, slider, key, times):
    """Moves a slider by a key, and waits until the merge with its value is shown."""
    page.ask(f"document.getElementById('{slider}').focus()")
    page.press(key, times)
    page.wait("!document.getElementById('count').ariaBusy")
    return page.ask(COUNT)


def _values(page):
    """Returns the values of the sliders by their names."""
    return page.ask(
        "Object.fromEntries([...document.querySelectorAll('#sliders [type=range]')]"
        ".map((one) => [one.id, one.valueAsNumber]))"
    )


def _token(page):
    """Returns the token of the picture that is shown."""
    return page.ask("document.getElementById('pixels').src.split('/').at(-2)")


def _download(page, name):
    page.click(f"#download-{name}")
    return page.downloaded()


def _segment(page, path, folder):
    """Runs the command that the page shows on the picture; returns the label image."""
    flags = shlex.split(page.text("#command").replace("\\\n", ""))[2:]
    flags = [flag for flag in flags if not flag.startswith(("--input=", "--output_dir="))]
    flags += [f"--input={path}", f"--output_dir={folder}", "--formats=labels_tiff"]
    verbs.run("segment", flags)
    (found,) = folder.glob("*.tif")
    return tifffile.imread(found)


def test_two_browsers_drop_pictures_move_sliders_and_download(url, pictures, tmp_path):
    with devtools.opened(url) as first, devtools.opened(url) as second:
        before = _drop(first, pictures["cells.png"])
        others = _drop(second, pictures["other.png"])
        drawn = second.ask("drawn.innerHTML")
        own = _values(first)
        # A step of the sliders of scores is 0.01, one of that of the size is a pixel.
        _move(first, "threshold-0", "ArrowRight", 17)
        _move(first, "min-pixels", "ArrowLeft", 90)
        after = _move(first, "min-score", "ArrowRight", 12)
        command = first.text("#command")
        assert f"thresholds=[{own['threshold-0'] + 0.17:.2f}]" in command
        assert f"min_pixels={own['min-pixels'] - 90:.0f}" in command
        assert f"min_score={round(own['min-score'] + 0.12, 2)}" in command
        assert after != before and first.text("#count") == f"{after} instances"

        path = _download(first, "imagej")
        assert path.endswith("/cells_rois.zip")
        ids = _segment(first, pictures["cells.png"], tmp_path)
        masks = [fill(roi.coordinates(multi=True), ids.shape) for roi in roifile.roiread(path)]
        assert len(masks) == after == ids.max()
        for number, mask in enumerate(masks, start=1):
            np.testing.assert_array_equal(mask, ids == number)

        # Nothing has changed in the other browser.
        assert second.ask(COUNT) == others and second.ask("drawn.innerHTML") == drawn
        assert "--override" not in second.text("#command")
        labels = tifffile.imread(_download(second, "labels_tiff"))
        assert labels.max() == others and labels.shape != ids.shape
        assert _token(first) != _token(second)
        assert first.faults() == second.faults() == []


def test_what_a_browser_shows(url, pictures, tmp_path):
    with devtools.opened(url) as page:
        count = _drop(page, pictures["cells.png"])
        buttons = page.ask("[...document.querySelectorAll('#downloads button')].map((b) => b.id)")
        assert buttons == [f"download-{name}" for name in formats.FORMATS]

        page.point(*page.center(".instance[data-index='5']"))
        said = r"nucleus, score \d\.\d\d, \d+ pixels"
        assert re.fullmatch(said, page.text("#tip"))
        assert re.fullmatch(rf"\d+ of {count}: {said}", page.text("#detail"))

        # Without a mouse: the arrow keys go through the instances.
        page.ask("document.getElementById('view').focus()")
        page.point(1, 1)
        page.press("ArrowRight", 3)
        assert page.text("#detail").startswith(f"3 of {count}: nucleus")
        page.press("ArrowLeft", 3)
        assert page.text("#detail").startswith(f"{count} of {count}: nucleus")
        assert page.ask("document.querySelectorAll('.shown').length") == 1

        fewer = _move(page, "min-pixels", "End", 1)
        assert fewer < count
        page.click("#reset")
        page.wait(f"!document.getElementById('count').ariaBusy && {COUNT} == {count}")

        page.click("#larger")
        assert page.ask("view.scrollWidth > view.clientWidth")
        page.click("#fit")
        assert page.ask("view.scrollWidth <= view.clientWidth")
        for width in (360, 800, 1280):
            page.resize(width, 740)
            page.wait("frame.getBoundingClientRect().width <= view.clientWidth")
            assert page.ask("document.documentElement.scrollWidth") == width
        assert page.faults() == []

        assert page.ask("document.getElementById('warning').hidden")
        page.ask(WARN + "undefined")
        _move(page, "min-score", "ArrowRight", 1)
        assert page.text("#warning") == "3 of 9 may be cut"
        _move(page, "min-score", "ArrowLeft", 1)

        (tmp_path / "notes.txt").write_text("no picture")
        page.drop(tmp_path / "notes.txt", "#view")
        page.wait("!document.getElementById('error').hidden && !document.body.ariaBusy")
        wanted = "notes.txt: not a PNG, JPEG, BMP or TIFF file, 10 bytes"
        assert page.text("#error") == wanted
        assert page.ask(COUNT) == count

        token = _token(page)
        page.click("#forget")
        page.wait("!document.getElementById('start').hidden")
        # The page does not wait for the server to forget.
        gone = f"fetch('pictures/{token}/instances').then((answer) => answer.status === 404)"
        page.wait(gone)
