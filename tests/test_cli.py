"""Programs end with one message for what a user can get wrong, with a stack trace for the rest."""

import subprocess
import sys
import types

import cv2
import pytest
import tensorflow as tf
import yaml
from absl import flags
from running import environment

from affinity_seg import cli, tool_flags


def _program(main, define_flags=lambda values: None):
    return types.SimpleNamespace(__doc__="A tool.", define_flags=define_flags, main=main)


def _run(monkeypatch, error, *arguments):
    def main(values):
        raise error

    monkeypatch.setattr(sys, "argv", ["tool.py", *arguments])
    cli.start(_program(main))


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "out.json"),
        OSError(28, "No space left on device", "out.json"),
        ValueError("out.json: wrong"),
        yaml.YAMLError("out.json: wrong"),
        cv2.error("out.json: wrong"),
        tf.errors.DataLossError(None, None, "out.json: wrong"),
        ImportError("out.json needs `pip install 'affinity-seg[extra]'`"),
    ],
)
def test_errors_of_the_user_are_one_message(monkeypatch, error):
    with pytest.raises(SystemExit, match=r"^tool\.py: .*out\.json"):
        _run(monkeypatch, error)


def test_other_errors_show_where_they_come_from(monkeypatch):
    with pytest.raises(KeyError):
        _run(monkeypatch, KeyError("a defect"))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("image.png", r"^tool\.py: unexpected arguments: \['image\.png'\]; [^\n]*$"),
        ("--debugg", r"^tool\.py: Unknown command line flag 'debugg'[^\n]*$"),
        ("--flagfile=nowhere.flags", r"^tool\.py: .*nowhere\.flags[^\n]*$"),
    ],
)
def test_wrong_arguments_are_one_line(monkeypatch, argument, message):
    monkeypatch.setattr(sys, "argv", ["tool.py", argument])
    with pytest.raises(SystemExit, match=message):
        cli.start(_program(lambda values: pytest.fail("must not run")))


def test_arguments_for_a_library_below_are_passed_on(monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["tool.py", "--runner=FlinkRunner", "--nodebug", "--parallelism=2"]
    )
    passed = []
    program = _program(
        lambda values: passed.extend(tool_flags.beam_flags(values)), tool_flags.define_runner_flags
    )
    with pytest.raises(SystemExit) as end:
        cli.start(program)
    assert end.value.code is None
    assert passed == ["--runner=FlinkRunner", "--parallelism=2"]


def test_they_are_added_to_those_that_are_named(monkeypatch):
    passed = []
    program = _program(
        lambda values: passed.extend(tool_flags.beam_flags(values)), tool_flags.define_runner_flags
    )
    for _ in range(2):  # The second program knows nothing of the flags of the first.
        passed.clear()
        monkeypatch.setattr(
            sys, "argv", ["tool.py", "--runner=X", "--beam_flag=--project=p", "--region=r"]
        )
        with pytest.raises(SystemExit):
            cli.start(program)
        assert passed == ["--runner=X", "--project=p", "--region=r"]


def test_a_message_of_many_lines_becomes_one(monkeypatch):
    with pytest.raises(SystemExit, match=r"^tool\.py: a\.yaml: wrong near line 3$"):
        _run(monkeypatch, ValueError("a.yaml: wrong\n  near line 3\n"))


@pytest.mark.parametrize("text", ["", "Unable to allocate 8 TiB"])
def test_too_little_memory_is_one_line(monkeypatch, text):
    with pytest.raises(SystemExit, match=rf"^tool\.py: {text or 'out of memory'}$"):
        _run(monkeypatch, MemoryError(*filter(None, [text])))


def test_a_warning_has_no_time_and_no_source_file():
    code = (
        "import types; from affinity_seg import cli; from affinity_seg.data import mistakes;"
        "main, define = lambda values: mistakes.warn('doubtful'), lambda values: None;"
        "cli.start(types.SimpleNamespace(__doc__='A tool.', define_flags=define, main=main))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "warning: doubtful\n")


def test_interrupted_without_a_stack_trace(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        _run(monkeypatch, KeyboardInterrupt())
    assert end.value.code == 130
    assert capsys.readouterr().err == "tool.py: interrupted\n"


_PROGRAM = """
import sys
from affinity_seg import cli

def define_flags(values):
    pass

def main(values):
    for number in range({lines}):
        print(number)

cli.start(__name__)
"""


@pytest.mark.parametrize("lines", [10, 100_000])  # Printed at the end, and while it runs.
def test_a_reader_that_leaves_is_no_error(tmp_path, lines):
    (tmp_path / "tool.py").write_text(_PROGRAM.format(lines=lines))
    with subprocess.Popen(
        [sys.executable, "tool.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_debug_shows_where_an_error_comes_from(monkeypatch):
    with pytest.raises(ValueError, match="a defect"):
        _run(monkeypatch, ValueError("a defect"), "--debug")


def test_without_a_runner_a_flag_of_beam_is_unknown():
    program = _program(lambda values: pytest.fail("must not run"), tool_flags.define_runner_flags)
    with pytest.raises(flags.UnrecognizedFlagError, match="parallelism"):
        cli.run(program, ["--parallelism=2"])


def test_two_programs_of_one_process_have_flags_of_their_own():
    seen = []
    for kind, default in (("string", "a"), ("integer", 3)):
        program = _program(
            lambda values: seen.append(values.size),
            lambda values, kind=kind, default=default: getattr(values, kind)("size", default, "?"),
        )
        cli.run(program, [])
        cli.run(program, ["--size=7"])
    assert seen == ["a", "7", 3, 7]
    assert "size" not in flags.FLAGS


def test_a_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")

    def define_flags(values):
        values.string("model", "~/models/mine", "?")
        values.multi_string("input", None, "?")
        values.string("output_dir", None, "?")

    seen = []
    program = _program(
        lambda values: seen.extend([values.model, *values.input, values.output_dir]), define_flags
    )
    cli.run(program, ["--input=~/a.png", "--input", "b~/c", "--input=~", "--output_dir=./~/out"])
    assert seen == ["/home/me/models/mine", "/home/me/a.png", "b~/c", "/home/me", "./~/out"]


def test_of_an_unknown_user_nothing_is_expanded():
    seen = []
    program = _program(
        lambda values: seen.append(values.input),
        lambda values: values.string("input", None, "?", required=True),
    )
    cli.run(program, ["--input=~nobody-of-this-name/a.png"])
    assert seen == ["~nobody-of-this-name/a.png"]
