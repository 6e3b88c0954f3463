"""The wheel has op, programs and settings, and nothing else; it works away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile

import architecture
import cv2
import numpy as np

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_PROGRAM = """
import numpy as np
import affinity_seg
from affinity_seg.configs import inference
from affinity_seg.labels import load_class_table
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import graph_merge, loader
assert affinity_seg.__file__.startswith({environment!r}), affinity_seg.__file__
assert loader.find_library() == loader.INSTALLED_LIBRARY
semantic = np.zeros([8, 8, 2], np.float32)
semantic[2:6, 2:6, 1] = 1
semantic[..., 0] = 1 - semantic[..., 1]
result = graph_merge(semantic, np.ones([8, 8, 56], np.float32), MergeOptions(min_pixels=0))
print("sizes", result.sizes.numpy().tolist())
print("crop", inference.load_config("demo").crop_size, load_class_table("nuclei").name)
"""


_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _run(*command, status=0, **options):
    """Runs a command and returns what it printed; it must end with `status`."""
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_ENVIRONMENT, **options
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout + result.stderr


def _assert_nothing_for_developers(wheel):
    """Asserts that a wheel has the package, and no file of the rooms beside it or of the tests."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {
            name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
        }
    assert {name.split("/")[0] for name in contents} == {architecture.PACKAGE}
    assert "affinity_seg/share/tools/train.py" in contents
    developers = {
        path.read_bytes(): path
        for room in (*architecture.FOR_DEVELOPERS, "tests")
        for path in (architecture.ROOT / room).rglob("*.py")
    }
    assert len(developers) > 150
    assert [n for n, content in contents.items() if content and content in developers] == []


def test_wheel_in_an_empty_environment(tmp_path):
    wheels = tmp_path / "wheels"
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), _ROOT)
    (wheel,) = wheels.iterdir()
    _assert_nothing_for_developers(wheel)
    environment = str(tmp_path / "environment")
    venv.create(environment, with_pip=False)
    python = os.path.join(environment, "bin", "python")
    site = sysconfig.get_path("purelib", vars={"base": environment})
    _run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, str(wheel))
    # TensorFlow and the other dependencies come from the environment of this test.
    with open(os.path.join(site, "dependencies.pth"), "w", encoding="utf-8") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    program = _PROGRAM.format(environment=environment)
    printed = _run(python, "-c", program, cwd=tmp_path)
    assert "sizes [16]" in printed and "crop 385 nuclei" in printed
    verbs = _run(python, "-m", "affinity_seg", "--help", cwd=tmp_path)
    assert "\n  segment " in verbs
    refused = _run(python, "-m", "affinity_seg", "demo", status=1, cwd=tmp_path)
    assert refused.startswith("affinity_seg demo: the demo needs the checkout")
    image, ids = np.full((64, 96, 3), 90, np.uint8), np.full((64, 96), 26001, np.uint16)
    for kind, pixels in (("images", image), ("instances", ids)):
        (tmp_path / "data" / kind).mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / "data" / kind / "a.png"), pixels)
    _run(python, "-m", "affinity_seg", "prepare", "--input=data", "--layout=folder",
         "--split=train", "--num_shards=1", "--output_dir=tfrecords", cwd=tmp_path)  # fmt: skip
    assert list((tmp_path / "tfrecords").glob("*.tfrecord"))
    # The experiment is found, its TFRecords are not there.
    trained = _run(
        python, "-m", "affinity_seg", "train", "--flagfile=demo_semantic", "--model=trained",
        status=1, cwd=tmp_path,
    )  # fmt: skip
    assert "runs/demo/tfrecords/train-*.tfrecord" in trained
