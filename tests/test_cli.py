"""Programs end with one message for what a user can get wrong, with a stack trace for the rest."""

import sys

import cv2
import pytest
import tensorflow as tf
import yaml

from affinity_seg import cli


def _run(monkeypatch, error):
    def main():
        raise error

    monkeypatch.setattr(sys, "argv", ["tool.py"])
    cli.run(main)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "out.json"),
        OSError(28, "No space left on device", "out.json"),
        ValueError("out.json: wrong"),
        yaml.YAMLError("out.json: wrong"),
        cv2.error("out.json: wrong"),
        tf.errors.DataLossError(None, None, "out.json: wrong"),
    ],
)
def test_errors_of_the_user_are_one_message(monkeypatch, error):
    with pytest.raises(SystemExit, match=r"^tool\.py: .*out\.json"):
        _run(monkeypatch, error)


def test_other_errors_show_where_they_come_from(monkeypatch):
    with pytest.raises(KeyError):
        _run(monkeypatch, KeyError("a defect"))


def test_arguments_that_are_no_flags_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tool.py", "image.png"])
    with pytest.raises(SystemExit):
        cli.run(lambda: pytest.fail("must not run"))
