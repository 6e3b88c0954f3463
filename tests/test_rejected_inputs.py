"""Tests for the list of inputs that a run could not use."""

import errno
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf

from affinity_seg import rejected_inputs
from affinity_seg.pipeline import errors


def test_lists_what_a_body_raises_and_goes_on(tmp_path, capsys):
    rejected = rejected_inputs.RejectedInputs(str(tmp_path))
    for name in ("good", "bad", "worse"):
        with rejected.listed(name, f"{name}.png"):
            if name != "good":
                raise ValueError(f"{name}.png: broken")
    assert len(rejected) == 2
    assert rejected.finish() == rejected_inputs.EXIT_STATUS
    assert "2 inputs could not be used" in capsys.readouterr().out
    assert json.loads((tmp_path / "rejected.json").read_text()) == [
        {"name": "bad", "file": "bad.png", "reason": "bad.png: broken"},
        {"name": "worse", "file": "worse.png", "reason": "worse.png: broken"},
    ]


def test_a_run_without_one_removes_the_file_of_the_run_before(tmp_path):
    first = rejected_inputs.RejectedInputs(str(tmp_path))
    first.add("bad", "bad.png", "broken")
    assert rejected_inputs.RejectedInputs(str(tmp_path)).finish() == 0
    assert not (tmp_path / "rejected.json").exists()


def test_strict_raises_the_error_itself(tmp_path):
    rejected = rejected_inputs.RejectedInputs(str(tmp_path), strict=True)
    with pytest.raises(ValueError, match="broken"), rejected.listed("bad", "bad.png"):
        raise ValueError("broken")
    assert not list(tmp_path.iterdir())


def test_a_mistake_of_the_program_is_not_listed(tmp_path):
    rejected = rejected_inputs.RejectedInputs(str(tmp_path))
    with pytest.raises(KeyError), rejected.listed("good", "good.png"):
        raise KeyError("our own")


def _cv2_memory_error():
    error = cv2.error("Insufficient memory")
    error.code = -4
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate"),
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        _cv2_memory_error(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_the_machine_stops_the_run(tmp_path, error):
    rejected = rejected_inputs.RejectedInputs(str(tmp_path))
    with (
        pytest.raises(type(error)),
        rejected.listed("good", "good.png"),
        errors.errors_named("good.png"),
    ):
        raise error
    assert not list(tmp_path.iterdir())


def test_an_array_that_is_too_large_for_opencv_has_that_code():
    """The code that stands for too little memory is the one that OpenCV gives."""
    with pytest.raises((cv2.error, MemoryError)) as raised:
        cv2.copyMakeBorder(np.zeros((1, 1), np.uint8), 0, 1 << 30, 0, 1 << 30, 0)
    assert getattr(raised.value, "code", -4) == -4
