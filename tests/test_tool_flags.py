"""Flags that programs share: one name for one thing."""

import functools
import types

import pytest
from absl import flags

from affinity_seg import cli, model_folder, tool_flags
from affinity_seg.configs.inference import load_config


def parse(define, *arguments):
    """Returns the values of flags as a program has them."""
    return cli.parse(types.SimpleNamespace(__doc__="", define_flags=define), arguments)


def test_the_folder_of_a_model_gives_networks_and_preset(tmp_path):
    for kind in ("semantic", "affinity", "fine"):
        (tmp_path / kind).mkdir()
    define = tool_flags.define_model_flags
    values = parse(define, f"--model={tmp_path}", "--preset=nuclei", "--override=min_pixels=7")
    assert tool_flags.model(values).network_dirs == (f"{tmp_path}/semantic", f"{tmp_path}/affinity")
    assert tool_flags.config(values) == load_config("nuclei", ["min_pixels=7"])
    values = parse(define, f"--model={tmp_path}")
    with pytest.raises(ValueError, match=r"`preset` must be given, .*/model\.yaml"):
        tool_flags.config(values)
    model_folder.write(str(tmp_path), networks={"affinity": "fine"}, preset="demo")
    values = parse(define, f"--model={tmp_path}", "--override=min_pixels=7")
    assert tool_flags.model(values).affinity_dir == f"{tmp_path}/fine"
    assert tool_flags.config(values) == load_config("demo", ["min_pixels=7"])
    values = parse(define, f"--model={tmp_path}", "--preset=nuclei")
    assert tool_flags.config(values) == load_config("nuclei")


def test_programs_without_networks_need_a_model_or_a_preset(tmp_path):
    define = functools.partial(tool_flags.define_model_flags, required=False)
    values = parse(define, "--preset=demo")
    assert tool_flags.config(values) == load_config("demo")
    values = parse(define)
    with pytest.raises(ValueError, match="`--model` or `--preset` must be given"):
        tool_flags.config(values)
    with pytest.raises(flags.Error, match="`--model` must be given"):
        parse(tool_flags.define_model_flags)


def test_missing_networks_are_named(tmp_path):
    (tmp_path / "semantic").mkdir()
    values = parse(tool_flags.define_model_flags, f"--model={tmp_path}")
    with pytest.raises(FileNotFoundError, match="affinity is missing"):
        tool_flags.model(values)


def test_a_wrong_score_names_its_field_only():
    def define(values):
        tool_flags.define_model_flags(values, required=False)
        tool_flags.define_filter_flags(values)

    values = parse(define, "--preset=demo", "--min_score=2")
    with pytest.raises(ValueError, match=r"^min_score=2\.0: `min_score` must be in \[0\.0, 1\.0\]"):
        tool_flags.config(values)
    values = parse(define, "--preset=demo", "--min_score=0.25", "--override=min_score=0.5")
    assert tool_flags.config(values).min_score == 0.25
