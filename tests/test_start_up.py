"""Programs start quickly and quietly: what they import before and after their flags."""

import pytest
from running import ROOT, run_python

from affinity_seg import verbs

UNSET = {"TF_CPP_MIN_LOG_LEVEL": None, "TF_USE_LEGACY_KERAS": None}
"""A user's environment, in which nothing quiets TensorFlow."""


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_help_needs_no_tensorflow(tmp_path, verb):
    for module in ("tensorflow", "tf_keras", "official"):
        (tmp_path / f"{module}.py").write_text(f"raise SystemExit('{module} was imported')\n")
    shown = run_python("-m", "affinity_seg", verb, "--help", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert shown.returncode == 0 and shown.stderr == "", shown.stderr
    assert "\nflags:\n  --" in shown.stdout


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("merge", ["--input=nowhere", "--output_dir=out", "--preset=demo"]),
        ("import", ["--source=imagenet", "--checkpoint=nowhere", "--model=out"]),
        ("client", ["--input=nowhere", "--output_dir=out", "--class_table=nuclei"]),
    ],
)
def test_an_error_after_tensorflows_start_is_still_one_line(tmp_path, verb, arguments):
    result = run_python("-m", "affinity_seg", verb, *arguments, folder=tmp_path, **UNSET)
    assert result.returncode == 1
    assert result.stderr.startswith(f"affinity_seg {verb}: ") and result.stderr.count("\n") == 1
    assert "nowhere" in result.stderr and result.stdout == ""


_IMPORTS = """
import sys
import affinity_seg.cli
from affinity_seg.export.formats import writer
from affinity_seg.pipeline import prediction_runs
import tensorflow as tf
with tf.device("CPU:0"):
    tf.constant(1)
print(sorted(set(sys.modules) & set(sys.argv[1:])))
from official.core import exp_factory, train_lib
from official.vision import tasks
from affinity_seg.configs import experiments
assert exp_factory.get_exp_config("affinity_seg_semantic").task.name == experiments.SEMANTIC
assert exp_factory.get_exp_config("retinanet").task is not None
"""


def test_what_segments_imports_no_trainer_and_hides_none():
    names = ["official.core.base_task", "official.core.train_lib", "official.vision.tasks", "orbit"]
    names += ["tensorflow_datasets", "keras", "affinity_seg.tasks", "official.core.exp_factory"]
    names += ["roifile", "skimage", "tifffile"]
    result = run_python("-c", _IMPORTS, *names, **UNSET)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "[]\n" and result.stderr == ""
