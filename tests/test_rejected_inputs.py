"""Tests for the list of inputs that a run could not use."""

import json

import pytest

from affinity_seg import rejected_inputs


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
