"""Every command of README.md and docs/*.md: run as printed, run with less to do, or looked through.

A block that fits nowhere fails: one of another kind than commands, Python, or what is only shown; a
program that is not listed here; a flag, preset, class table, flagfile, experiment or target that
does not exist.
"""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys

import blocks
import cv2
import numpy as np
import pytest
from running import ROOT, environment, run_python, run_tool

RUN = [
    ("README.md", "bazel build //cc:graph_merge_op"),
    ("README.md", "python tools/segment.py --input=street.png --output_dir=runs/segment"),
    ("docs/own_data.md", "D=../shared/data/nuclei"),
]
"""Blocks that are run, one after the other, by page and first line: the newcomer's way."""

_TRAIN = {
    "trainer.train_steps": 2,
    "trainer.steps_per_loop": 2,
    "trainer.summary_interval": 2,
    "trainer.checkpoint_interval": 2,
    "trainer.validation_interval": 2,
    "trainer.optimizer_config.learning_rate.cosine.decay_steps": 2,
    "trainer.optimizer_config.warmup.linear.warmup_steps": 1,
    "task.train_data.global_batch_size": 2,
    "task.train_data.crop_size": "[64,64]",
    "task.validation_data.crop_size": "[64,64]",
}
SMALLER = {
    "tools/make_streets.py": ["--train=4", "--val=4", "--height=128", "--width=256"],
    "tools/train.py": [
        "--params_override=" + ",".join(f"{field}={value}" for field, value in _TRAIN.items())
    ],
}
"""Flags that are added where a program would be at work for minutes."""

NOT_RUN = {
    "base64": "part of a request to a server",
    "bazel": "the op is built before the tests; its targets must exist",
    "curl": "asks a server; tests/serving does",
    "docker": "there is none in the tests; tests/serving/test_overlay.py reads the Dockerfile",
    "find": "counts the images of Cityscapes",
    "make": "the tests are part of it, or it runs what is run here; its targets must exist",
    "mkdir": "a folder for Cityscapes",
    "pip": "installs; its extras must exist",
    "run_saved_model": "tests/serving builds and runs it",
    "tar": "unpacks weights that nobody here has",
    "unzip": "unpacks Cityscapes, which nobody here has",
    "wc": "counts the images of Cityscapes",
}
"""Programs beside Python that blocks call, and why they are not run."""

_EARLIER = {
    "README.md": "import numpy as np\n"
    "affinity, semantic = np.full([8, 9, 56], 0.9), np.full([8, 9, 2], 0.5)\n"
}
"""What the Python blocks of a page that is run take as given."""

PYTHON_NOT_RUN = {
    ("docs/outputs.md", "from pycocotools.coco import COCO"): "tests/export judges such files",
    ("docs/serving.md", "import affinity_seg.ops"): "tests/serving loads such a model",
}


def _of(language):
    return [block for block in blocks.read_all() if block.language == language]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Returns the calls of a block: program and arguments."""
    folder = tmp_path_factory.mktemp("record")
    blocks.make_programs(folder / "programs", ["python", *NOT_RUN])
    checkout = folder / "checkout"
    (checkout / "bazel-bin" / "cc" / "serving").mkdir(parents=True)
    (folder / "tensorflow_serving").mkdir()
    program = checkout / "bazel-bin" / "cc" / "serving" / "run_saved_model"
    program.symlink_to(folder / "programs" / "run_saved_model")
    return functools.partial(blocks.calls, programs=folder / "programs", folder=checkout)


@pytest.fixture(scope="module")
def calls(record):
    """All calls of all blocks: (page, program, arguments ...)."""
    return [(block.page, *call) for block in _of(blocks.SHELL) for call in record(block)]


def test_every_block_is_of_a_known_kind():
    for block in blocks.read_all():
        assert block.language in (blocks.SHELL, blocks.PYTHON, *blocks.SHOWN), block
    keys = [block.key for block in blocks.read_all()]
    assert set(RUN) | set(PYTHON_NOT_RUN) <= set(keys)


def test_flags_and_what_they_name_exist(calls):
    programs = [list(call[2:]) for call in calls if call[1] == "python" and call[2] != "-m"]
    assert len(programs) > 50
    answered = subprocess.run(
        [sys.executable, os.path.join(os.path.dirname(__file__), "check_flags.py")],
        input=json.dumps(programs),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr[-3000:]
    answers = json.loads(answered.stdout.splitlines()[-1])
    wrong = [(p, a) for p, a in zip(programs, answers, strict=True) if a is not None]
    assert not wrong, "\n".join(f"{' '.join(program)}\n  {answer}" for program, answer in wrong)


def test_targets_modules_and_extras_exist(calls):
    root = pathlib.Path(ROOT)
    phony = re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(), re.MULTILINE)
    extras = re.findall(r'^        "(\w+)": ', (root / "setup.py").read_text(), re.MULTILINE)
    for page, program, *arguments in calls:
        where = f"{page}: {program} {' '.join(arguments)}"
        if program == "make":
            assert set(arguments) <= set(phony[1].split()), where
        elif program == "bazel" and "tensorflow_serving" not in where:
            package, _, target = arguments[-1].removeprefix("//").partition(":")
            assert f'name = "{target}"' in (root / package / "BUILD").read_text() or (
                f'name = "{target}.so"' in (root / package / "BUILD").read_text()
            ), where
        elif program == "pip":
            assert re.fullmatch(r"\.\[(\w+)\]", arguments[-1])[1] in extras, where
        elif program == "python" and arguments[0] == "-m":
            assert arguments[1] == "zipfile" or arguments[1] == "affinity_seg", where


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder that looks like a checkout, with data beside it."""
    folder = tmp_path_factory.mktemp("run")
    checkout = folder / "checkout"
    checkout.mkdir()
    for name in ("tools", "configs"):
        (checkout / name).symlink_to(os.path.join(ROOT, name))
    rng = np.random.default_rng(0)
    cv2.imwrite(str(checkout / "street.png"), rng.integers(0, 255, (96, 128, 3), np.uint8))
    for split, count in (("train", 4), ("val", 4)):
        _write_nuclei(folder / "shared" / "data" / "nuclei" / split, count, rng)
    return checkout


def _write_nuclei(folder, count, rng):
    """Writes images of bright discs, and their instances."""
    for name in ("images", "instances"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        image = rng.integers(10, 30, (96, 96, 3), np.uint8)
        instances = np.zeros((96, 96), np.uint8)
        for number in range(1, 6):
            center = tuple(int(v) for v in rng.integers(12, 84, 2))
            cv2.circle(image, center, 8, (180, 170, 160), -1)
            cv2.circle(instances, center, 8, number, -1)
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image)
        cv2.imwrite(str(folder / "instances" / f"{index}.png"), instances)


@pytest.mark.parametrize("key", RUN)
def test_runs(record, checkout, key):
    (block,) = [block for block in _of(blocks.SHELL) if block.key == key]
    programs = [call[1:] for call in record(block) if call[0] == "python"]
    for program, *arguments in programs:
        assert program.startswith("tools/")
        more = SMALLER.get(program, [])
        done = run_tool(program.removeprefix("tools/"), checkout, *arguments, *more)
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}\n{done.stderr[-3000:]}"
        for argument in arguments:
            name, _, path = argument.partition("=")
            if name in ("--output_dir", "--results_dir", "--output", "--model_dir"):
                assert (checkout / path).exists(), argument


def test_python_blocks(checkout):
    by_page = {}
    for block in _of(blocks.PYTHON):
        compile(block.text, block.page, "exec")
        if block.key not in PYTHON_NOT_RUN:
            by_page.setdefault(block.page, []).append(block.text)
    for page, texts in by_page.items():
        done = run_python("-c", _EARLIER.get(page, "") + "\n".join(texts), folder=checkout)
        assert done.returncode == 0, f"{page}: {done.stderr[-3000:]}"
