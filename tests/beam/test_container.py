"""The recipe of the worker's container."""

import os
import re
import subprocess

import dockerfile
import pytest
from running import ROOT

from affinity_seg import resources


@pytest.fixture(scope="module")
def commands():
    return dockerfile.parse_file(os.path.join(ROOT, "serving", "beam.Dockerfile"))


def of_kind(commands, kind):
    return [command for command in commands if command.cmd.upper() == kind]


def test_it_is_the_beam_that_setup_py_asks_for(commands):
    with open(os.path.join(ROOT, "setup.py"), encoding="utf-8") as file:
        version = re.search(r"apache-beam==([\d.]+)", file.read())[1]
    assert of_kind(commands, "ARG")[0].value == (f"BEAM_VERSION={version}",)
    *stages, last = of_kind(commands, "FROM")
    assert [stage.value[1:] for stage in stages] == [("AS", "build")]
    assert last.value == ("apache/beam_python3.11_sdk:${BEAM_VERSION}",)
    # Beam's image starts its own program, which ours must not replace.
    assert not of_kind(commands, "ENTRYPOINT") and not of_kind(commands, "CMD")


def test_what_is_copied_builds_the_wheel_and_the_wheel_is_installed(commands):
    copied = [command for command in of_kind(commands, "COPY") if not command.flags]
    paths = {path for command in copied for path in command.value[:-1]}
    assert all(os.path.exists(os.path.join(ROOT, path)) for path in paths)
    runs = [command.value[0] for command in of_kind(commands, "RUN")]
    assert any("make wheel" in script for script in runs)
    # `make wheel`, setup.py and Bazel need these.
    wanted = {"Makefile", "setup.py", "requirements.lock", ".bazelrc", "WORKSPACE", "cc"}
    assert wanted | {"affinity_seg", *resources.FOLDERS} <= paths
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "wheel"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    scripts = set(re.findall(r"\btools/\w+\.\w+", made.stdout))
    assert "tools/install_packages.sh" in scripts and "tools" in paths
    with open(os.path.join(ROOT, ".bazelrc"), encoding="utf-8") as file:
        assert "import" not in file.read()  # No other file to copy.
    from_build = [c for c in of_kind(commands, "COPY") if c.flags == ("--from=build",)]
    assert [c.value[0] for c in from_build] == [
        "/affinity_seg/requirements.lock", "/affinity_seg/dist",
    ]  # fmt: skip
    assert "--require-hashes -r /affinity_seg/requirements.lock" in runs[-2]
    assert "/affinity_seg/dist/*.whl" in runs[-1] and "ops.load_library()" in runs[-1]
    with open(os.path.join(ROOT, "requirements.lock"), encoding="utf-8") as file:
        assert re.search(r"^apache-beam(\[[\w,]+\])?==", file.read(), re.MULTILINE)
