"""The notebook, executed as a reader does it after `make setup`."""

import pathlib

import nbclient
import nbformat
from running import ROOT

NOTEBOOK = pathlib.Path(ROOT) / "docs" / "quickstart.ipynb"


def test_runs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
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
