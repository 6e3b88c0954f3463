"""Files appear whole or not at all."""

import json
import os

import pytest

from affinity_seg import files


def test_nothing_is_left_of_a_failure(tmp_path):
    path = tmp_path / "folder" / "result.txt"
    files.write_bytes(str(path), b"old")
    with pytest.raises(RuntimeError), files.atomic_path(str(path)) as temporary:
        assert temporary.endswith("result.txt")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write("half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["result.txt"]


def test_permissions_follow_the_umask(tmp_path):
    path = tmp_path / "result.txt"
    mask = os.umask(0o027)
    try:
        files.write_bytes(str(path), b"x")
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o640


def test_json_and_leftovers(tmp_path):
    files.write_json(str(tmp_path / "a.json"), {"ap": 0.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"ap": 0.5}
    (tmp_path / ".tmp-killed-a.json").write_text("{")
    files.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == ["a.json"]
