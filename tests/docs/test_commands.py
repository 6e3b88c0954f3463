"""Every command of README.md and docs/*.md: run as printed, run with less to do, or looked through.

The newcomer's way is run. Of the other programs only the flags are parsed, with all that they name:
each has tests of its own that run it, and CI has minutes for these. A block that fits nowhere
fails: one of another kind than commands, Python, or what is only shown; a program that is not
listed here; a flag, preset, class table, flagfile, experiment or target that does not exist.
"""

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
from running import ROOT, environment, path_of, run_code, run_program

from affinity_seg import model_folder, resources, verbs

RUN = [
    ("README.md", "make setup"),
    ("docs/models.md", "affinity_seg models"),
    ("docs/outputs.md", "affinity_seg segment --model=nuclei"),
    ("README.md", "bazel build //cc:graph_merge_op"),
    (
        "README.md",
        "affinity_seg segment --model=runs/demo --input=street.png --output_dir=runs/segment",
    ),
    ("docs/newcomer.md", "cat > cells.yaml <<'END'"),
    ("docs/newcomer.md", "affinity_seg train --flagfile=nuclei_joint"),
    ("docs/newcomer.md", "affinity_seg segment --layout=folder --input=my_data/val"),
    ("docs/newcomer.md", "affinity_seg segment --input=my_data/new"),
]
"""Blocks that are run, one after the other, by page and how they begin.

They are the newcomer's way, and the formats of the results.
"""

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
    "-m synthetic.make_streets": ["--train=4", "--val=4", "--height=128", "--width=256"],
    "-m affinity_seg train": [
        "--params_override=" + ",".join(f"{key}={value}" for key, value in _TRAIN.items())
    ],
}
"""Flags that are added where a program would be at work for minutes."""

NOT_RUN = {
    "base64": "part of a request to a server",
    "bazel": "the op is built before the tests; its targets must exist",
    "curl": "asks a server; tests/serving does",
    "docker": "there is none in the tests; tests/serving/test_overlay.py reads the Dockerfile",
    "find": "counts the images of Cityscapes",
    "git": "fetches TensorFlow Serving from the internet",
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
    "affinity = np.full([8, 9, 56], 0.9, np.float32)\n"
    "semantic = np.full([8, 9, 2], 0.5, np.float32)\n"
}
"""What the Python blocks of a page that is run take as given."""

PYTHON_NOT_RUN = {
    ("docs/outputs.md", "from pycocotools.coco import COCO"): "tests/export judges such files",
    ("docs/serving.md", "import affinity_seg.ops"): "tests/serving loads such a model",
}


def _of(language):
    return [block for block in blocks.read_all() if block.language == language]


def _program(call):
    """Returns the program that is called, as for `run_program`, and its arguments.

    None for a call that is not of a program with flags of its own.
    """
    if call[0] == "affinity_seg":
        return f"-m affinity_seg {call[1]}", call[2:]
    if call[:2] == ["python", "-m"] and "." in call[2]:
        return f"-m {call[2]}", call[3:]
    if call[0] == "python" and call[1].startswith("tests/"):
        return call[1], call[2:]
    return None


def _path_of(program):
    """Returns the file that has the flags of a program, from the root."""
    module, _, verb = program.removeprefix("-m ").partition(" ")
    if not verb:
        return path_of(program)
    assert module == "affinity_seg" and verb in verbs.VERBS, program
    return os.path.relpath(verbs.load(verb).__file__, ROOT)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A folder that looks like a checkout after `make setup`, with images in it."""
    checkout = tmp_path_factory.mktemp("newcomer") / "checkout"
    program = checkout / "bazel-bin" / "cc" / "serving" / "run_saved_model"
    activate = checkout / ".venv" / "bin" / "activate"
    for path in (program, activate, checkout.parent / "tensorflow_serving" / "WORKSPACE"):
        path.parent.mkdir(parents=True)
    activate.touch()
    for name in (*resources.FOLDERS, "serving"):
        (checkout / name).symlink_to(os.path.join(ROOT, name))
    rng = np.random.default_rng(0)
    for split, names in (("train", "defg"), ("val", "hijk")):
        _write_cells(checkout / "my_data" / split, names, rng)
    (checkout / "my_data" / "new").mkdir()
    for name in ("street.png", "my_data/new/c.png"):
        cv2.imwrite(str(checkout / name), rng.integers(0, 255, (96, 128, 3), np.uint8))
    programs = checkout.parent / "programs"
    blocks.make_programs(programs, ["python", "affinity_seg", *NOT_RUN])
    (programs / "cat").symlink_to("/bin/cat")  # Writes small files that blocks have in them.
    program.symlink_to(programs / "run_saved_model")
    return checkout


def _write_cells(folder, names, rng):
    """Writes images of bright discs, and their instances."""
    for kind in ("images", "instances"):
        (folder / kind).mkdir(parents=True)
    for name in names:
        image = rng.integers(10, 30, (96, 96, 3), np.uint8)
        instances = np.zeros((96, 96), np.uint8)
        for number in range(1, 6):
            center = tuple(int(v) for v in rng.integers(12, 84, 2))
            cv2.circle(image, center, 8, (180, 170, 160), -1)
            cv2.circle(instances, center, 8, number, -1)
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "instances" / f"{name}.png"), instances)


def _record(block, checkout):
    return blocks.calls(block, checkout.parent / "programs", checkout)


@pytest.fixture(scope="module")
def calls(checkout):
    """All calls of all blocks, each with its page."""
    return [(block.page, call) for block in _of(blocks.SHELL) for call in _record(block, checkout)]


def test_every_block_is_of_a_known_kind():
    for block in blocks.read_all():
        assert block.language in (blocks.SHELL, blocks.PYTHON, *blocks.SHOWN), block
    keys = [block.key for block in blocks.read_all()]
    assert set(PYTHON_NOT_RUN) <= set(keys)


_WRONG = [
    ["affinity_seg/verbs/merge.py", "--inputs=a", "--output_dir=b"],
    ["affinity_seg/verbs/merge.py", "--input=a"],
    ["affinity_seg/verbs/merge.py", "--input=a", "--output_dir=b", "--preset=dem"],
    ["affinity_seg/verbs/merge.py", "--input=a", "--output_dir=b", "--override=min_pixel=3"],
    ["affinity_seg/verbs/evaluate.py", "--input=a", "--results_dir=b", "--class_table=nucle"],
    ["affinity_seg/verbs/segment.py", "--input=a", "--output_dir=b", "street.png"],
    ["affinity_seg/verbs/segment.py", "--input=a", "--output_dir=b", "--formats=xls"],
    ["affinity_seg/verbs/train.py", "--flagfile=demo", "--model=a"],
    [
        "affinity_seg/verbs/train.py",
        "--flagfile=demo_joint",
        "--model=a",
        "--params_override=trainer.tain_steps=2",
    ],
    ["affinity_seg/verbs/nothing.py"],
]
"""Calls that the next test must find fault with."""


def test_flags_and_what_they_name_exist(calls, checkout):
    programs = []
    for _, call in calls:
        program = _program(call)
        if program is not None:
            name, arguments = program
            if arguments[:1] == ["..."]:  # The flags of the call before.
                assert programs[-1][0] == _path_of(name)
                arguments = programs[-1][1:] + arguments[1:]
            programs.append([_path_of(name), *arguments])
    assert len(programs) > 50
    answered = subprocess.run(
        [sys.executable, os.path.join(os.path.dirname(__file__), "check_flags.py")],
        input=json.dumps(programs + _WRONG),
        cwd=checkout,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr[-3000:]
    answers = json.loads(answered.stdout.splitlines()[-1])
    assert all(answers[len(programs) :]), answers[len(programs) :]
    wrong = [(p, a) for p, a in zip(programs, answers, strict=False) if a is not None]
    assert not wrong, "\n".join(f"{' '.join(program)}\n  {answer}" for program, answer in wrong)


def test_targets_modules_and_extras_exist(calls):
    root = pathlib.Path(ROOT)
    makefile = (root / "Makefile").read_text()
    extras = re.findall(r'^        "(\w+)": ', (root / "setup.py").read_text(), re.MULTILINE)
    for page, (program, *arguments) in calls:
        where = f"{page}: {program} {' '.join(arguments)}"
        if program == "make":
            for argument in arguments:
                name, equals, _ = argument.partition("=")
                defined = rf"^{name} \?=" if equals else rf"^{name}:"
                assert re.search(defined, makefile, re.MULTILINE), where
        elif program == "bazel" and "tensorflow_serving" not in where:
            (label,) = [argument for argument in arguments if argument.startswith("//")]
            package, _, target = label.removeprefix("//").partition(":")
            build = (root / package / "BUILD").read_text()
            assert re.search(rf'name = "{target}(\.so)?"', build), where
        elif program == "pip":
            extra = re.fullmatch(r"(?:\.|affinity-seg)\[(\w+)\]", arguments[-1])
            assert extra[1] in extras, where
        elif program == "docker" and arguments[0] == "build":
            assert (root / arguments[arguments.index("-f") + 1]).is_file(), where
        elif program == "python" and _program([program, *arguments]) is None:
            is_script = os.path.isfile(os.path.join(ROOT, arguments[0]))
            assert is_script or arguments[:2] == ["-m", "zipfile"], where


@pytest.mark.parametrize("page, start", RUN)
def test_runs(checkout, page, start):
    found = [b for b in _of(blocks.SHELL) if b.page == page and b.text.startswith(start)]
    (block,) = found
    programs = [found for found in map(_program, _record(block, checkout)) if found is not None]
    assert programs
    for name, arguments in programs:
        arguments = _with_less_to_do(name, arguments)
        done = run_program(name, checkout, *arguments)
        assert done.returncode == 0, f"{name} {arguments}\n{done.stdout}\n{done.stderr[-3000:]}"
        for argument in arguments:
            flag, _, path = argument.partition("=")
            if flag in ("--output_dir", "--results_dir", "--model"):
                assert path in model_folder.shipped() or (checkout / path).exists(), argument


def _with_less_to_do(name, arguments):
    """Returns the arguments with those of `SMALLER`; absl keeps the last --params_override only."""
    flag = "--params_override="
    given = [argument.removeprefix(flag) for argument in arguments if argument.startswith(flag)]
    return [*arguments, *(",".join([more, *given]) for more in SMALLER.get(name, []))]


def test_python_blocks(checkout):
    by_page = {}
    for block in _of(blocks.PYTHON):
        compile(block.text, block.page, "exec")
        if block.key not in PYTHON_NOT_RUN:
            by_page.setdefault(block.page, []).append(block.text)
    for page, texts in by_page.items():
        done = run_code(_EARLIER.get(page, "") + "\n".join(texts), folder=checkout)
        assert done.returncode == 0, f"{page}: {done.stderr[-3000:]}"
