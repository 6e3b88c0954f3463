"""What a person sees of a training: a line, tables, and nothing of TensorFlow's own."""

import io
import re
import sys

import numpy as np
import tensorflow as tf
import training_records as records
from running import ON_CPU, run_python

from affinity_seg.tasks import progress

QUIETED_BY_THE_PROGRAM = {"TF_CPP_MIN_LOG_LEVEL": None, "TF_USE_LEGACY_KERAS": None}


def test_a_program_that_trains_writes_lines_and_tables_only(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=2
    )
    arguments = ["--experiment=affinity_seg_affinity", f"--config_file={config}"]
    arguments += [f"--model={tmp_path}", "--network=model"]
    result = run_python("tools/train.py", *arguments, **ON_CPU, **QUIETED_BY_THE_PROGRAM)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    train, *table = result.stdout.splitlines()
    number = r"\d[\d.e+-]*"
    line = rf"train \| step: +%d \| training_loss: {number} \| learning_rate: 0\.02 \| {number} "
    line += r"images/s \| [\d:]+ left"
    assert re.fullmatch(line % 1, train), train
    table = [row for row in table if not re.fullmatch(line % 2, row)]  # It came within seconds.
    assert re.fullmatch(r"validation \| step: +2", table[0])
    assert re.fullmatch(rf"  validation_loss +{number}", table[1])
    assert any(re.fullmatch(r"  8 " + r" +\d\.\d{4}" * 4, shown) for shown in table), table
    for shown in table[1:]:
        assert re.fullmatch(r"  [ \w]+?( +[a-z_]+| +\d+\.\d{4})+", shown), shown


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def _train(steps):
    step = tf.Variable(0, dtype=tf.int64)
    shown = progress.Progress(step, train_steps=steps, batch_size=4)
    for number in range(steps):
        step.assign_add(1)
        shown.trained({"learning_rate": tf.constant(0.02), "training_loss": np.float32(number)})
    shown.validated({"recall": 0.5, "recall/8": 0.25, "loss/8": np.float32(2), "loss/16": 1.0})
    shown.close()


def test_without_a_terminal_lines_are_far_apart(capsys):
    _train(steps=50)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("train")]
    assert [line.split(" | ")[1] for line in lines] == ["step:      1", "step:     50"]
    assert " | training_loss: 49 | learning_rate: 0.02 | " in lines[1]


def test_scores_of_parts_are_rows(capsys):
    _train(steps=1)
    table = capsys.readouterr().out.partition("validation")[2].splitlines()
    assert [line.split() for line in table] == [
        ["|", "step:", "1"],
        ["recall", "0.5000"],
        ["recall", "loss"],
        ["8", "0.2500", "2.0000"],
        ["16", "1.0000"],
    ]
    assert table[4].endswith("1.0000") and len(table[4]) == len(table[3])


def test_on_a_terminal_one_line_is_updated(monkeypatch, capsys):
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _train(steps=3)
    assert not any(line.startswith("train") for line in capsys.readouterr().out.splitlines())
    last = terminal.getvalue().split("\r")[-1]
    assert re.search(r"^train: 100%\|.*\| 3/3 steps, training_loss: 2, learning_rate: 0\.02", last)
    assert re.search(r" images/s, [\d:]+ left$", last.rstrip())
