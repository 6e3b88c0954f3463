"""docs/ as a site, and the links of the pages that are not part of it."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from running import ROOT

_LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]*))?\)")


def _build(root, output):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", f"--site-dir={output}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def _anchors(path):
    """Returns the anchors of a page's headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_the_site_has_every_page_and_the_notebook(tmp_path):
    built = _build(ROOT, tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    for path in (pathlib.Path(ROOT) / "docs").glob("*.md"):
        assert (tmp_path / f"{path.stem}.html").is_file()
    assert (tmp_path / "quickstart.ipynb").is_file()
    start = (tmp_path / "index.html").read_text()
    assert 'href="own_data.html"' in start and "<code>README.md</code>" in start
    assert not list(tmp_path.glob("*.py"))


@pytest.mark.parametrize(
    "text",
    [
        "[a page](nowhere.md)",
        "[a heading](data.md#nowhere)",
        "[a file](../configs/nowhere.yaml)",
        "![a picture](images/nowhere.png)",
    ],
)
def test_a_broken_link_fails(tmp_path, text):
    for name in ("README.md", "CONTRIBUTING.md", "mkdocs.yml"):
        shutil.copy(pathlib.Path(ROOT) / name, tmp_path)
    for name in ("docs", "configs"):
        shutil.copytree(pathlib.Path(ROOT) / name, tmp_path / name)
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write(f"\n{text}\n")
    built = _build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    assert "nowhere" in built.stdout + built.stderr


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_pages_at_the_root(name):
    links = _LINK.findall((pathlib.Path(ROOT) / name).read_text())
    assert links or name != "README.md"
    for path, anchor in links:
        target = pathlib.Path(ROOT) / (path or name)
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"
