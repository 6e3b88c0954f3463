"""Flags that programs share: one name for one thing, and the names they had before."""

import functools

import pytest
from absl import flags

from affinity_seg import tool_flags

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


def test_networks_of_one_folder_or_one_by_one(parse, tmp_path):
    for kind in ("semantic", "affinity"):
        (tmp_path / kind).mkdir()
    both = str(tmp_path / "semantic"), str(tmp_path / "affinity")
    define = tool_flags.define_network_flags
    parse(define, f"--checkpoint={tmp_path}")
    assert tool_flags.network_dirs() == both
    parse(define, f"--checkpoint={tmp_path}", "--affinity_checkpoint=other")
    assert tool_flags.network_dirs() == (both[0], "other")
    parse(define, "--semantic_dir=a", "--affinity_checkpoint=b")
    assert tool_flags.network_dirs() == ("a", "b")
    parse(lambda: define(default=str(tmp_path)), "--semantic_checkpoint=a")
    assert tool_flags.network_dirs() == ("a", both[1])


def test_missing_networks_are_named(parse, tmp_path):
    parse(tool_flags.define_network_flags, "--semantic_checkpoint=a")
    with pytest.raises(ValueError, match=r"`--checkpoint`, or both .* must be given"):
        tool_flags.network_dirs()
    (tmp_path / "semantic").mkdir()
    parse(tool_flags.define_network_flags, f"--checkpoint={tmp_path}")
    with pytest.raises(FileNotFoundError, match="affinity is missing"):
        tool_flags.network_dirs()
