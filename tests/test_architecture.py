"""Modules import in the order of the flow, and docs/architecture.md shows what they import."""

import re

import architecture
import pytest
from architecture import PAGE, ROOT


def test_modules_keep_the_order():
    faults = architecture.find_faults(architecture.read_modules())
    assert not faults, "\n".join(faults)


def test_cc_keeps_the_order():
    faults = architecture.find_cc_faults(architecture.read_cc())
    assert not faults, "\n".join(faults)


def test_the_page_is_up_to_date():
    is_same = (ROOT / PAGE).read_text(encoding="utf-8") == architecture.page()
    assert is_same, f"{PAGE} shows other imports than there are: run `make architecture`"


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """A copy of all modules that may be changed, as the root of the project."""
    for folder in (architecture.PACKAGE, *architecture.FOR_DEVELOPERS, "cc"):
        for source in (ROOT / folder).rglob("*"):
            if source.suffix in (".py", ".cc", ".h"):
                target = tmp_path / source.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    monkeypatch.setattr(architecture, "ROOT", tmp_path)
    return tmp_path


def add(path, line):
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


@pytest.mark.parametrize(
    "file, line, message",
    [
        (
            "data/listing.py",
            "from affinity_seg.pipeline import records",
            r"^affinity_seg/data/listing.py:\d+: 'data' stands above 'pipeline'",
        ),
        (
            "labels.py",
            "def late():\n    import affinity_seg.files",
            r"^affinity_seg/labels.py:\d+: 'labels' stands above 'files'",
        ),
        (
            "pipeline/records.py",
            "from affinity_seg import tasks",
            r"'pipeline' must not import from 'tasks', which is of the training only",
        ),
        (
            "data/listing.py",
            "from synthetic import streets",
            r"^affinity_seg/data/listing.py:\d+: 'data' stands above 'synthetic'",
        ),
        (
            "cli.py",
            "import affinity_seg.nowhere",
            r"cli.py:\d+ imports 'nowhere', which is no module",
        ),
    ],
)
def test_an_import_against_the_flow_is_named(changed, file, line, message):
    add(changed / "affinity_seg" / file, line)
    (fault,) = architecture.find_faults(architecture.read_modules())
    assert re.search(message, fault)


def test_a_new_module_is_told_where_to_go(changed):
    module = changed / "affinity_seg" / "video"
    module.mkdir()
    add(module / "__init__.py", '"""Films."""\nfrom affinity_seg import export, labels')
    (fault,) = architecture.find_faults(architecture.read_modules())
    assert fault.startswith("affinity_seg/video is a new module: write its name into MODULES of")
    assert "below 'export'" in fault


def test_a_module_without_docstring_or_with_relative_imports_is_refused(changed):
    add(changed / "affinity_seg" / "export" / "coco.py", "from . import reading")
    with pytest.raises(ValueError, match=r"coco.py:\d+: imports must begin with affinity_seg"):
        architecture.read_modules()
    (changed / "affinity_seg" / "export" / "coco.py").unlink()
    (changed / "affinity_seg" / "export" / "__init__.py").write_text("")
    with pytest.raises(ValueError, match="must begin with a docstring"):
        architecture.read_modules()


@pytest.mark.parametrize(
    "file, header, message",
    [
        ("lib/options.h", "tensorflow/core/framework/op.h", "cc/lib must not include tensorflow"),
        ("lib/options.cc", "cc/kernels/tensors.h", "cc/lib must not include cc/kernels"),
        ("ops/graph_merge_op.cc", "cc/lib/options.h", "cc/ops must not include cc/lib"),
    ],
)
def test_an_include_against_the_flow_is_named(changed, file, header, message):
    add(changed / "cc" / file, f'#include "{header}"')
    (fault,) = architecture.find_cc_faults(architecture.read_cc())
    assert fault == f"cc/{file}: {message}, see CC_MODULES"
