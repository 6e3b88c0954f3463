"""The notebook, executed as a reader does it, on small networks in the place of the demo's."""

import pathlib

import cv2
import nbclient
import nbformat
import pytest
from faults.scene import write_network
from running import ROOT

from affinity_seg import model_folder
from affinity_seg.configs import experiments
from synthetic import streets

NOTEBOOK = pathlib.Path(ROOT) / "docs" / "quickstart.ipynb"


@pytest.fixture
def docs(tmp_path):
    """The folder docs/ of a checkout after `make demo`."""
    demo = tmp_path / "runs" / "demo"
    streets.write_streets(str(demo / "streets"), {"val": 1}, seed=1, height=96, width=160)
    (path,) = (demo / "streets" / "leftImg8bit").rglob("*.png")
    picture = cv2.imread(str(path))
    write_network(demo / "semantic", experiments.SEMANTIC, picture)
    write_network(demo / "affinity", experiments.AFFINITY, picture)
    model_folder.write(str(demo), preset="demo")
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def test_runs(docs, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(docs)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    printed = cells[1].outputs[0].text
    assert "pixels" in printed, printed
    for cell in cells[2:]:
        assert any("image/png" in output.get("data", {}) for output in cell.outputs)


def test_no_output_is_stored():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert NOTEBOOK.stat().st_size < 10_000
