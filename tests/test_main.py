"""`python -m affinity_seg`: the same programs as in tools/, by name."""

import os
import re

import pytest
from running import ROOT, run_python

from affinity_seg import __main__ as verbs
from affinity_seg import resources


def _run(*arguments, **options):
    return run_python("-m", "affinity_seg", *arguments, **options)


def test_every_program_is_in_one_group():
    grouped = [verb for group in verbs.GROUPS.values() for verb in group]
    assert sorted(grouped) == resources.names("tools", ".py")


def test_no_program_imports_tensorflow_before_cli_makes_it_quiet():
    for verb in resources.names("tools", ".py"):
        with open(os.path.join(ROOT, "tools", f"{verb}.py"), encoding="utf-8") as file:
            source = file.read()
        early = re.search(
            r"^(?:import|from) (?:tensorflow|tf_keras|official)\b", source, re.MULTILINE
        )
        assert early is None, verb


def test_help_lists_each_program_with_its_first_line_and_loads_no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')\n")
    shown = _run("--help", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert shown.returncode == 0, shown.stderr
    for verb in resources.names("tools", ".py"):
        with open(os.path.join(ROOT, "tools", f"{verb}.py"), encoding="utf-8") as file:
            first = file.readline().removeprefix("r").strip().strip('"')
        (line,) = [line for line in shown.stdout.splitlines() if line.split()[:1] == [verb]]
        assert line.split(maxsplit=1)[1] == first and first.endswith(".")


@pytest.mark.parametrize("arguments", [["predcit"], []])
def test_without_a_verb_that_exists_the_status_is_2(arguments):
    refused = _run(*arguments)
    assert refused.returncode == 2
    if arguments:
        assert refused.stderr == (
            "affinity_seg: unknown verb 'predcit'; did you mean 'predict'? "
            "`python -m affinity_seg --help` lists all\n"
        )


def test_a_verb_is_the_program():
    shown = _run("merge", "--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert "tools/merge.py:\n" in shown.stdout
    for flag in ("--classes", "--method", "--override", "--preset"):
        assert f"  {flag}: " in shown.stdout


def test_messages_of_a_verb_are_one_line(tmp_path):
    misspelt = _run("evaluate", "--layuot=folder", folder=tmp_path)
    assert misspelt.returncode == 1
    assert misspelt.stderr.count("\n") == 1, misspelt.stderr
    assert misspelt.stderr.startswith("evaluate.py: Unknown command line flag 'layuot'.")
