"""`python -m affinity_seg`, the console script, and the starters of tools/ run the same verbs."""

import os
import re

import pytest
from absl import flags
from running import ROOT, run_python, run_verb

from affinity_seg import verbs


def _run(*arguments, **options):
    return run_python("-m", "affinity_seg", *arguments, **options)


def test_every_module_is_a_verb_in_one_group():
    modules = [name[:-3] for name in os.listdir(os.path.dirname(verbs.__file__)) if name[0] != "_"]
    assert sorted(verbs.VERBS) == sorted(name.rstrip("_") for name in modules)


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_no_program_imports_tensorflow_before_cli_makes_it_quiet(verb):
    with open(verbs.load(verb).__file__, encoding="utf-8") as file:
        source = file.read()
    early = re.search(r"^(?:import|from) (?:tensorflow|tf_keras|official)\b", source, re.MULTILINE)
    assert early is None


def test_help_lists_each_verb_with_its_first_line_and_loads_no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')\n")
    shown = _run("--help", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert shown.returncode == 0, shown.stderr
    for verb in verbs.VERBS:
        first = verbs.load(verb).__doc__.partition("\n")[0]
        (line,) = [line for line in shown.stdout.splitlines() if line.split()[:1] == [verb]]
        assert line.split(maxsplit=1)[1] == first and first.endswith(".")


@pytest.mark.parametrize("arguments", [["segmnt"], []])
def test_without_a_verb_that_exists_the_status_is_2(arguments):
    refused = _run(*arguments)
    assert refused.returncode == 2
    if arguments:
        assert refused.stderr == (
            "affinity_seg: unknown verb 'segmnt'; did you mean 'segment'? "
            "`affinity_seg --help` lists all\n"
        )


def test_a_verb_shows_its_flags():
    shown = _run("merge", "--help")
    assert shown.returncode == 0 and shown.stderr == ""
    assert shown.stdout.startswith(verbs.load("merge").__doc__.partition("\n")[0])
    for flag in ("--classes", "--method", "--override", "--preset"):
        assert f"  {flag}: " in shown.stdout


def test_messages_of_a_verb_are_one_line(tmp_path):
    misspelt = _run("evaluate", "--layuot=folder", folder=tmp_path)
    assert misspelt.returncode == 1
    assert misspelt.stderr.count("\n") == 1, misspelt.stderr
    assert misspelt.stderr.startswith("affinity_seg evaluate: Unknown command line flag 'layuot'.")


@pytest.mark.parametrize(
    ("tool", "verb"),
    [(name, name) for name in ("train", "segment", "evaluate", "demo")]
    + [("export_saved_model", "export")],
)
def test_a_starter_is_its_verb(tool, verb):
    shown = run_python(f"tools/{tool}.py", "--help")
    assert shown.returncode == 0 and shown.stdout == _run(verb, "--help").stdout != ""


def test_verbs_run_one_after_the_other_in_one_process(tmp_path):
    with pytest.raises(flags.Error, match="`--input` and `--output_dir` must be given"):
        verbs.run("merge", [])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        verbs.run("merge", ["--input=nowhere", "--preset=demo", f"--output_dir={tmp_path}/out"])
    with pytest.raises(FileNotFoundError, match="neither"):
        verbs.run(
            "evaluate", [f"--input={tmp_path}/neither", "--results_dir=out", "--layout=folder"]
        )


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        (
            "segment",
            ["--input=a.png", "--split=val"],
            "--split` must not be given: only with `--layout`",
        ),
        ("segment", ["--input=a", "--coco"], "--coco` must not be given: only with `--runner`"),
        (
            "segment",
            ["--input=a", "--input=b", "--layout=images"],
            "`--input` must be one data set",
        ),
        ("segment", ["--input=*", "--layout=glob"], "`--layout=glob` needs `--runner`"),
        ("prepare", ["--input=a", "--split=b", "--sets=fine,f"], "`--sets` must name some of"),
        ("report", ["--input=a", "--results_dir=b"], "`--format=html` needs `--predictions_dir`"),
        (
            "report",
            ["--input=a", "--results_dir=b", "--predictions_dir=c", "--min_score=0"],
            "--min_score` must not be given: not for `--format=html`",
        ),
        (
            "report",
            ["--input=a", "--results_dir=b", "--format=coco", "--max_images=5"],
            "--max_images` must not be given: not for `--format=coco`",
        ),
        (
            "prepare",
            ["--input=a", "--split=b", "--seed=1"],
            "--seed` must not be given: only with `--sets`",
        ),
        ("client", ["--input=a.png"], "one of `--model` and `--class_table` must be given"),
    ],
)
def test_flags_that_do_not_fit_are_named(verb, arguments, message, tmp_path):
    refused = run_verb(verb, tmp_path, *arguments, "--output_dir=out")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert message in refused.stderr
    assert not list(tmp_path.iterdir())
