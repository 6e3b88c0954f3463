"""Looks at a page with Debian's chromium, without a screen."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile

import cv2
import numpy as np
import pytest

WIDTH = 1280

_PROBE = """
<script>
addEventListener("load", () => {
  const seen = {};
  const rectangle = (e) => { const r = e.getBoundingClientRect(); return [r.width, r.height]; };
  seen.width = document.documentElement.scrollWidth;
  seen.viewport = [innerWidth, innerHeight];
  seen.images = [...document.images].map((i) => [i.alt, i.complete, i.naturalWidth]);
  seen.text = document.body.innerText;
  seen.gallery = [...document.querySelectorAll("article")].map((a) => a.dataset.name);
  seen.crops = [...document.querySelectorAll(".failure figcaption")].map((c) => c.innerText);
  seen.captions = [...document.querySelectorAll(".caption")].map((c) => c.innerText);
  seen.tables = {};
  for (const table of document.querySelectorAll("table")) {
    seen.tables[table.id] =
      [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText));
  }
  const zoom = document.querySelector(".zoom");
  if (zoom) {
    seen.small = rectangle(zoom.querySelector("img"));
    zoom.click();
    seen.large = rectangle(zoom.querySelector("img"));
  }
  const result = document.createElement("pre");
  result.id = "probe";
  result.textContent = JSON.stringify(seen);
  document.body.append(result);
});
</script>
"""


def look(path):
    """Loads a page and returns what a browser made of it.

    Returns:
      `width` (of what can be scrolled to, pixels), `viewport` (width and height), `images`
      (alternative text, loaded, width), `text`, `gallery` (names in order), `crops` and `captions`
      (texts), `tables` (rows of cells by id), `small` and `large` (size of the first picture that
      can be enlarged, before and after).
    """
    with tempfile.TemporaryDirectory() as folder:
        probed = os.path.join(folder, "probed.html")
        with open(path, encoding="utf-8") as source, open(probed, "w", encoding="utf-8") as target:
            target.write(source.read().replace("</body>", _PROBE + "</body>"))
        dom = _chromium("--dump-dom", probed, 900)
    (found,) = re.findall(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)
    return json.loads(html.unescape(found))


def screenshot(path, height):
    """Returns the top of a page as it is drawn, uint8 RGB [height, WIDTH, 3]."""
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "page.png")
        _chromium(f"--screenshot={target}", path, height)
        image = cv2.imread(target)
    assert image.shape == (height, WIDTH, 3)
    return np.ascontiguousarray(image[..., ::-1])


def command(profile, height, *more, width=WIDTH):
    """Returns the command that starts a browser without a screen.

    Args:
      profile: Folder for what it keeps.
      height: Of its window, pixels.
      more: Further arguments.
      width: Of its window, pixels.
    """
    if shutil.which("chromium") is None:
        pytest.fail("chromium is missing: run tools/install_packages.sh chromium")
    return [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={profile}",
        f"--window-size={width},{height}",
        *more,
    ]


def _chromium(action, path, height):
    with tempfile.TemporaryDirectory() as profile:
        run = subprocess.run(
            command(profile, height, action, f"file://{os.path.abspath(path)}"),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert run.returncode == 0, run.stderr
    return run.stdout
