"""The wheel carries the op: installed into an empty environment, it merges away from the source."""

import os
import subprocess
import sys
import sysconfig
import venv

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_PROGRAM = """
import numpy as np
import affinity_seg
from affinity_seg.ops import graph_merge, loader
assert affinity_seg.__file__.startswith({environment!r}), affinity_seg.__file__
assert loader.find_library() == loader.INSTALLED_LIBRARY
semantic = np.zeros([8, 8, 2], np.float32)
semantic[2:6, 2:6, 1] = 1
semantic[..., 0] = 1 - semantic[..., 1]
result = graph_merge(np.ones([8, 8, 56], np.float32), semantic, min_pixels=0)
print("sizes", result.sizes.numpy().tolist())
"""


def _run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_wheel_in_an_empty_environment(tmp_path):
    wheels = tmp_path / "wheels"
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), _ROOT)
    (wheel,) = wheels.iterdir()
    environment = str(tmp_path / "environment")
    venv.create(environment, with_pip=False)
    python = os.path.join(environment, "bin", "python")
    site = sysconfig.get_path("purelib", vars={"base": environment})
    _run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, str(wheel))
    # TensorFlow and the other dependencies come from the environment of this test.
    with open(os.path.join(site, "dependencies.pth"), "w", encoding="utf-8") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    program = _PROGRAM.format(environment=environment)
    assert "sizes [16]" in _run(python, "-c", program, cwd=tmp_path)
