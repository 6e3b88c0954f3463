"""Files appear whole or not at all."""

import json
import os
import socket
import subprocess
import sys

import pytest

from affinity_seg import files


def test_nothing_is_left_of_a_failure(tmp_path):
    path = tmp_path / "folder" / "result.txt"
    files.write_bytes(str(path), b"old")
    with pytest.raises(RuntimeError), files.atomic_path(str(path)) as temporary:
        assert temporary.endswith(".txt")
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


def test_json(tmp_path):
    files.write_json(str(tmp_path / "a.json"), {"ap": 0.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"ap": 0.5}


def _temporary(path, monkeypatch, pid, host):
    """Makes the temporary file that a killed process left, returns its name."""
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(os, "getpid", lambda: pid)
        patch.setattr(socket, "gethostname", lambda: host)
        patch.setattr(os, "remove", lambda _: None)
        with files.atomic_path(str(path)) as temporary:
            raise RuntimeError
    return temporary


@pytest.mark.parametrize(
    ("writer", "here", "hours", "removed"),
    [("dead", True, 0, True), ("living", True, 48, False), ("dead", False, 1, False),
     ("living", False, 25, True)],
)  # fmt: skip
def test_leftovers_of_dead_processes_are_removed(
    tmp_path, monkeypatch, writer, here, hours, removed
):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    pid = {"dead": process.pid, "living": os.getppid()}[writer]
    host = socket.gethostname() if here else "another-host.org"
    path = _temporary(tmp_path / "a.json", monkeypatch, pid, host)
    written = os.path.getmtime(path) - hours * 3600
    os.utime(path, (written, written))
    files.remove_leftovers(str(tmp_path))
    assert os.path.exists(path) != removed


def test_leftovers_of_no_folder(tmp_path):
    files.remove_leftovers(str(tmp_path / "missing"))


def test_a_full_disk_names_the_file(tmp_path):
    path = str(tmp_path / "result.txt")
    with pytest.raises(OSError, match=r"No space.*result\.txt"), files.atomic_path(path):
        raise OSError(28, "No space left on device")


def test_an_error_that_says_more_than_a_number_keeps_its_message(tmp_path):
    path = str(tmp_path / "result.txt")
    with pytest.raises(FileNotFoundError, match=r"^two images$"), files.atomic_path(path):
        raise FileNotFoundError("two images")


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "runs" / "model"
    mask = os.umask(0o027)
    try:
        with files.atomic_folder(str(path)) as temporary:
            files.write_bytes(os.path.join(temporary, "a.txt"), b"a")
            assert not path.exists()
    finally:
        os.umask(mask)
    assert os.listdir(path.parent) == ["model"]
    assert (path / "a.txt").read_bytes() == b"a"
    assert path.stat().st_mode & 0o777 == 0o750
    with (
        pytest.raises(FileExistsError, match=r"new or empty: .*model"),
        files.atomic_folder(str(path)),
    ):
        raise AssertionError


def test_nothing_is_left_of_a_failed_folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()  # An empty folder may be there.
    with pytest.raises(RuntimeError), files.atomic_folder(str(path)) as temporary:
        files.write_bytes(os.path.join(temporary, "a.txt"), b"a")
        raise RuntimeError
    assert os.listdir(tmp_path) == ["model"]
    assert os.listdir(path) == []


def test_a_link_to_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with files.atomic_folder(str(tmp_path / "link")) as temporary:
        files.write_bytes(os.path.join(temporary, "a.txt"), b"a")
    assert (tmp_path / "disk" / "a.txt").read_bytes() == b"a"
    assert sorted(os.listdir(tmp_path)) == ["disk", "link"]


def test_the_longest_name_can_be_written(tmp_path):
    name = 251 * "x" + ".txt"
    files.write_bytes(str(tmp_path / name), b"a")
    assert os.listdir(tmp_path) == [name]


def test_a_container_that_shares_the_name_of_its_host_is_another_writer(tmp_path, monkeypatch):
    """The number of its process says nothing about the processes of this one."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with monkeypatch.context() as patch:
        patch.setattr(os, "readlink", lambda _: "pid:[1]")
        path = _temporary(tmp_path / "a.json", patch, process.pid, socket.gethostname())
    files.remove_leftovers(str(tmp_path))
    assert os.path.exists(path)


def test_text_that_is_not_utf_8_names_the_file(tmp_path):
    (tmp_path / "card.md").write_bytes("Größe".encode("latin-1"))
    with pytest.raises(ValueError, match=r"card\.md: the file must be UTF-8 text: "):
        files.read_text(str(tmp_path / "card.md"))


def test_a_folder_of_a_dead_process_is_removed(tmp_path):
    program = (
        "import os, sys; from affinity_seg import files\n"
        "with files.atomic_folder(sys.argv[1]) as folder:\n"
        "    files.write_bytes(folder + '/a.txt', b'a'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "model")])
    assert len(os.listdir(tmp_path)) == 1
    files.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == []
