"""The faults of docs/faults.md in small; and that the harness sees what is wrong."""

import os
import textwrap

import numpy as np
import pytest

from faults import flips, jobs, kills, mutants, space, suite, table
from faults.programs import Ended, Programs

SMALL = suite.Settings(
    programs=("merge", "create_tfrecords"),
    kills=2,
    pairs=1,
    shares=(0.5,),
    flip_step=211,
    mutants=64,
    flags=4,
    images=2,
    workers=1,
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    with Programs(str(tmp_path_factory.mktemp("logs"))) as programs:
        yield programs


@pytest.mark.long
def test_nothing_is_lost(tmp_path):
    rows = list(suite.run(SMALL, str(tmp_path)))
    assert [row for row in rows if not row.is_clean()] == []
    tried = [row.kind for row in rows if row.tries]
    assert len(rows) == 4 * 2 + 2 + 8 + 1
    assert len(tried) == len(rows) - (0 if space.can_mount(str(tmp_path)) else 4)
    assert table.markdown(rows).count("\n") == len(rows) + 2


def _job(tmp_path, code):
    """Returns a job that runs `code`, which knows the `folder` to write into."""
    path = tmp_path / "program.py"
    head = "import os, sys, time\nfolder = sys.argv[1]\nos.makedirs(folder, exist_ok=True)\n"
    path.write_text(head + textwrap.dedent(code))
    return jobs.Job("careless", str(path), lambda output: [output])


CARELESS = """
    with open(os.path.join(folder, "x"), "w") as file:
        for letter in "abcdefghij":
            file.write(letter)
            file.flush()
            time.sleep(0.1)
"""


def test_a_program_that_writes_in_place_is_caught(programs, tmp_path):
    row = kills.kill(programs, _job(tmp_path, CARELESS), str(tmp_path / "out"), 3, seed=1)
    assert row.half_written >= 2 and row.lost == 0 and "half-written: ['x'" in row.problems[0]


def test_a_program_that_does_not_take_up_its_work_is_caught(programs, tmp_path):
    code = """
        if not os.path.exists(folder + "/claimed"):
            open(folder + "/claimed", "w").close()
            time.sleep(0.5)
            open(folder + "/result", "w").close()
    """
    row = kills.kill(programs, _job(tmp_path, code), str(tmp_path / "out"), 3, seed=1)
    assert row.lost >= 2 and row.half_written == 0 and "lost: ['result']" in row.problems[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_program_that_swallows_a_full_disk_is_caught(programs, tmp_path):
    code = """
        try:
            with open(os.path.join(folder, "x"), "wb") as file:
                file.write(bytes(100000))
        except OSError:
            pass
    """
    if not space.can_mount(str(tmp_path)):
        pytest.skip("file systems cannot be mounted here")
    row = space.disk_full(programs, _job(tmp_path, code), str(tmp_path / "out"), (0.5,))
    assert (row.tries, row.half_written, row.unnamed, row.lost) == (1, 1, 1, 0)


def test_a_program_that_hangs_is_killed(programs, tmp_path):
    job = _job(tmp_path, "time.sleep(100)")
    ended = programs.wait(job.start(programs, str(tmp_path / "out")), timeout=0.5)
    assert ended == Ended(None, "")


def test_programs_end_as_in_a_process_of_their_own(programs, tmp_path):
    for code, status, text in (
        ("print('done')", 0, "done\n"),
        ("sys.exit('wrong')", 1, "wrong\n"),
        ("sys.exit(3)", 3, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
    ):
        assert _job(tmp_path, code).run(programs, str(tmp_path / "out")) == Ended(status, text)
    ended = _job(tmp_path, "raise KeyError(1)").run(programs, str(tmp_path / "out"))
    assert ended.status == 1 and ended.message() == "KeyError: 1"


def test_damage_that_is_taken_without_a_word_is_caught(tmp_path):
    source, path = tmp_path / "source", str(tmp_path / "damaged")
    source.write_bytes(bytes(range(100)))

    def read(name):
        with open(name, "rb") as file:
            return file.read()

    def careful(name):
        if read(name) != source.read_bytes():
            raise ValueError("damaged")

    row = flips._flip("x", str(source), path, read, seed=1, step=10)
    assert (row.tries, row.lost, row.unnamed) == (10, 10, 0)
    row = flips._flip("x", str(source), path, careful, seed=1, step=10)
    assert (row.tries, row.lost, row.unnamed) == (10, 0, 10)


def test_mutants_that_kill_or_are_not_named_are_caught(programs, tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    worker.write_text(
        textwrap.dedent("""
        import json, os, sys
        kind, folder, first, end, report = sys.argv[1:]
        with open(report, "a") as file:
            for number in range(int(first), int(end)):
                if number == 1:
                    os.abort()
                error = ["no name here", None, "x", None][number]
                outcome = {"error": error, "is_ours": True, "growth": number << 29}
                print(json.dumps(outcome), file=file, flush=True)
        """)
    )
    monkeypatch.setattr(mutants, "_WORKER", str(worker))
    seed_file = mutants.Seed("image", "x.png", b"content", is_text=False)
    row = mutants.read_all(programs, seed_file, str(tmp_path), 4, seed=1)
    assert (row.tries, row.lost, row.unnamed) == (4, 1, 3)
    assert "ends with status -6" in "".join(row.problems)


def test_mutations_are_the_same_for_a_seed_and_reach_the_decoder():
    content = mutants.seeds_of_pictures()["image, PNG"]
    made = [mutants.mutate(content, False, np.random.default_rng([1, i])) for i in range(50)]
    again = [mutants.mutate(content, False, np.random.default_rng([1, i])) for i in range(50)]
    assert made == again and len(set(made)) > 45


def test_a_row_with_anything_in_it_is_not_clean():
    clean = table.Row("kind", 5, 0, 0, 0, "message")
    assert clean.is_clean() and table.skipped("kind", "why").is_clean()
    for changes in ({"lost": 1}, {"half_written": 1}, {"unnamed": 1}, {"problems": ("x",)}):
        assert not clean._replace(**changes).is_clean()
    assert "| kind | 5 | 0 | 0 | 0 | a \\| b |" in table.markdown([clean._replace(message="a | b")])
