"""Tests for the list of inputs that a run could not use."""

import json

import pytest

from affinity_seg import dead_letters


def test_lists_what_a_body_raises_and_goes_on(tmp_path, capsys):
    letters = dead_letters.DeadLetters(str(tmp_path))
    for name in ("good", "bad", "worse"):
        with letters.listed(name, f"{name}.png"):
            if name != "good":
                raise ValueError(f"{name}.png: broken")
    assert len(letters) == 2
    assert letters.finish() == dead_letters.EXIT_STATUS
    assert "2 inputs could not be used" in capsys.readouterr().out
    assert json.loads((tmp_path / "dead_letters.json").read_text()) == [
        {"name": "bad", "file": "bad.png", "reason": "bad.png: broken"},
        {"name": "worse", "file": "worse.png", "reason": "worse.png: broken"},
    ]


def test_a_run_without_one_removes_the_file_of_the_run_before(tmp_path):
    first = dead_letters.DeadLetters(str(tmp_path))
    first.add("bad", "bad.png", "broken")
    assert dead_letters.DeadLetters(str(tmp_path)).finish() == 0
    assert not (tmp_path / "dead_letters.json").exists()


def test_strict_raises_the_error_itself(tmp_path):
    letters = dead_letters.DeadLetters(str(tmp_path), strict=True)
    with pytest.raises(ValueError, match="broken"), letters.listed("bad", "bad.png"):
        raise ValueError("broken")
    assert not list(tmp_path.iterdir())


def test_a_mistake_of_the_program_is_not_listed(tmp_path):
    letters = dead_letters.DeadLetters(str(tmp_path))
    with pytest.raises(KeyError), letters.listed("good", "good.png"):
        raise KeyError("our own")
