"""Flags that programs share: one name for one thing, and the names they had before."""

import functools

import pytest
from absl import flags

from affinity_seg import model_folder, tool_flags
from affinity_seg.configs.inference import load_config

_DEFINE = {
    name: getattr(flags, name)
    for name in ("DEFINE_string", "DEFINE_multi_string", "DEFINE_enum", "DEFINE_alias")
}


@pytest.fixture
def parse(monkeypatch):
    """Returns a function that defines flags anew, as a program does, and parses arguments."""

    def parse(define, *arguments):
        values = flags.FlagValues()
        monkeypatch.setattr(flags, "FLAGS", values)
        for name, original in _DEFINE.items():
            monkeypatch.setattr(flags, name, functools.partial(original, flag_values=values))
        define()
        values(["tool.py", *arguments])
        return values

    return parse


@pytest.mark.parametrize("name", ["input", "image"])
def test_input_has_its_former_name_too(parse, name):
    values = parse(lambda: tool_flags.define_input_flag("A picture.", "image"), f"--{name}=a.png")
    assert values.input == values.image == "a.png"


def test_several_inputs(parse):
    values = parse(
        lambda: tool_flags.define_input_flag("A picture.", "image", multi=True),
        "--input=a.png",
        "--image=b.png",
    )
    assert values.input == ["a.png", "b.png"]


def test_input_is_required(parse):
    with pytest.raises(flags.IllegalFlagValueError, match="input"):
        parse(lambda: tool_flags.define_input_flag("A picture.", "image"))


def test_the_folder_of_a_model_gives_networks_and_preset(parse, tmp_path):
    for kind in ("semantic", "affinity", "fine"):
        (tmp_path / kind).mkdir()
    define = tool_flags.define_model_flags
    parse(define, f"--model={tmp_path}", "--preset=nuclei", "--override=min_pixels=7")
    assert tool_flags.model().network_dirs == (f"{tmp_path}/semantic", f"{tmp_path}/affinity")
    assert tool_flags.config() == load_config("nuclei", ["min_pixels=7"])
    parse(define, f"--model={tmp_path}")
    with pytest.raises(ValueError, match=r"`preset` must be given, .*/model\.yaml"):
        tool_flags.config()
    model_folder.write(str(tmp_path), networks={"affinity": "fine"}, preset="demo")
    parse(define, f"--model={tmp_path}", "--override=min_pixels=7")
    assert tool_flags.model().affinity_dir == f"{tmp_path}/fine"
    assert tool_flags.config() == load_config("demo", ["min_pixels=7"])
    parse(define, f"--model={tmp_path}", "--preset=nuclei")
    assert tool_flags.config() == load_config("nuclei")


def test_programs_without_networks_need_a_model_or_a_preset(parse, tmp_path):
    define = functools.partial(tool_flags.define_model_flags, required=False)
    parse(define, "--preset=demo")
    assert tool_flags.config() == load_config("demo")
    parse(define)
    with pytest.raises(ValueError, match="`--model`, or `--preset` must be given"):
        tool_flags.config()
    with pytest.raises(flags.IllegalFlagValueError, match="model"):
        parse(tool_flags.define_model_flags)


def test_missing_networks_are_named(parse, tmp_path):
    (tmp_path / "semantic").mkdir()
    parse(tool_flags.define_model_flags, f"--model={tmp_path}")
    with pytest.raises(FileNotFoundError, match="affinity is missing"):
        tool_flags.model()
