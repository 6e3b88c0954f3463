"""The wheel has op, programs and settings, and nothing else; it works away from the checkout."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import architecture
import cv2
import numpy as np
import pytest
from faults import scene
from running import ROOT, run_verb

_PROGRAM = """
import numpy as np
import affinity_seg
from affinity_seg.configs import inference
from affinity_seg.class_tables import load_class_table
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    wheels = tmp_path_factory.mktemp("wheels")
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), ROOT)
    (wheel,) = wheels.iterdir()
    return wheel


def test_nothing_for_developers_is_in_it(wheel):
    """The wheel has the package, and no file of the modules beside it or of the tests."""
    with zipfile.ZipFile(wheel) as archive:
        contents = {
            name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
        }
    assert {name.split("/")[0] for name in contents} == {architecture.PACKAGE}
    assert "affinity_seg/share/tools/train.py" in contents
    models = architecture.ROOT / "models"
    shipped = {path.relative_to(models.parent): path for path in models.rglob("*.*")}
    assert len(shipped) > 4
    for name, path in shipped.items():
        assert contents[f"affinity_seg/share/{name}"] == path.read_bytes()
    page = architecture.ROOT / "affinity_seg" / "serving" / "page" / "static"
    assert {path.suffix for path in page.iterdir()} == {".html", ".css", ".js"}
    for path in page.iterdir():
        assert contents[str(path.relative_to(architecture.ROOT))] == path.read_bytes()
    developers = {
        path.read_bytes(): path
        for module in (*architecture.FOR_DEVELOPERS, "tests")
        for path in (architecture.ROOT / module).rglob("*.py")
    }
    assert len(developers) > 150
    assert [n for n, content in contents.items() if content and content in developers] == []


def test_wheel_in_an_empty_environment(wheel, tmp_path):
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
    models = _run(python, "-m", "affinity_seg", "models", cwd=tmp_path)
    assert models.startswith("nuclei: ")
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
        python, "-m", "affinity_seg", "train", "--flagfile=demo_joint", "--model=trained",
        status=1, cwd=tmp_path,
    )  # fmt: skip
    assert "runs/demo/tfrecords/train-*.tfrecord" in trained


def test_one_wheel_is_for_every_python_of_the_platform(wheel):
    platform = sysconfig.get_platform().replace("-", "_")
    assert wheel.name.endswith(f"-py3-none-{platform}.whl")


def _supported_pythons():
    """Returns the versions of Python that setup.py names, such as "3.11"."""
    with open(os.path.join(ROOT, "setup.py"), encoding="utf-8") as file:
        minors = re.search(r"Python :: 3.{minor}\" for minor in \(([\d, ]+)\)", file.read())[1]
    return [f"3.{minor}" for minor in minors.split(", ")]


def _find_python(version):
    """Returns an interpreter of a version, such as "3.11", from the PATH or pyenv; None if absent.

    pyenv puts programs on the PATH for versions that are not active; they start and fail.
    """
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = [sys.executable, shutil.which(f"python{version}")]
    found += sorted(glob.glob(f"{pyenv}/versions/{version}.*/bin/python{version}"))
    report = "import sys; print('%d.%d' % sys.version_info[:2])"
    for path in filter(None, found):
        done = subprocess.run([path, "-c", report], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return path
    return None


@pytest.fixture(scope="module")
def small_scene(tmp_path_factory):
    """A street, two tiny networks and a preset."""
    return scene.write(str(tmp_path_factory.mktemp("scene")), images=1)


@pytest.mark.long
@pytest.mark.parametrize("version", _supported_pythons())
def test_segments_an_image_on_every_python(wheel, small_scene, version, tmp_path):
    python = _find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on the PATH or in pyenv")
    (item,) = small_scene.items()
    arguments = [
        f"--input={item.image_path}", f"--model={small_scene.checkpoint}",
        f"--preset={small_scene.preset}",
    ]  # fmt: skip
    here = run_verb("segment", tmp_path, *arguments, "--output_dir=here")
    assert here.returncode == 0, here.stderr[-3000:]
    environment = tmp_path / "environment"
    try:
        _run(python, "-m", "venv", str(environment))
        python = str(environment / "bin" / "python")
        # pip takes what it installed once from its cache. The one that a Python brings is slow.
        _run(python, "-m", "pip", "install", "-q", "--upgrade", "pip")
        _run(python, "-m", "pip", "install", "-q", "--no-compile", str(wheel))
        _run(python, "-m", "affinity_seg", "segment", *arguments, "--output_dir=there",
             cwd=tmp_path)  # fmt: skip
    finally:
        shutil.rmtree(environment, ignore_errors=True)  # Gigabytes.
    outputs = [
        {path.name: path.read_bytes() for path in (tmp_path / place).glob("*.*")}
        for place in ("here", "there")
    ]
    (name,) = (name for name in outputs[0] if name.endswith(".json"))
    assert len(json.loads(outputs[0][name])["instances"]) > 3
    assert outputs[0] == outputs[1]
