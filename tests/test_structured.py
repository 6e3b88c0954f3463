"""YAML and JSON from outside."""

import re

import pytest

from affinity_seg import structured


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100000,
        b"a: &a [1, 2]\nb: *a",  # nine such lines would stand for a billion entries
        b"!!python/object/apply:os.system ['true']",
        b"2026-99-99",
        b"{[1]: 2}",
        b"? {a: b}\n: c",
        b"caf\xe9",
        b"a: b: c",
    ],
)
def test_yaml_that_is_refused_names_its_place(text):
    with pytest.raises(ValueError, match=r"^x\.yaml: not YAML that can be read"):
        structured.parse_yaml(text, "x.yaml")


@pytest.mark.parametrize("text", [b"[" * 100000, b'{"a":' * 100000, b"{", b"", b"\xff\xfe\xfd"])
def test_json_that_is_refused_names_its_place(text):
    with pytest.raises(ValueError, match=r"^x\.json: the file is damaged"):
        structured.parse_json(text, "x.json")


def test_plain_values_come_through():
    assert structured.parse_yaml("a: [1, 2.5, x, null]\nb: {c: true}", "x") == {
        "a": [1, 2.5, "x", None],
        "b": {"c": True},
    }
    assert structured.parse_json(b'{"a": [1, "x"]}', "x") == {"a": [1, "x"]}


def test_files_are_read_and_named(tmp_path):
    (tmp_path / "a.yaml").write_text("a: 1\n")
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert structured.read_yaml(str(tmp_path / "a.yaml")) == {"a": 1}
    assert structured.read_json(str(tmp_path / "a.json")) == {"a": 1}
    path = str(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").write_bytes(b"[")
    for read, start in (
        (structured.read_yaml, f"{path}: not YAML that can be read"),
        (lambda path: structured.read_yaml(path, "b"), "b: not YAML that can be read"),
        (structured.read_json, f"{path}: the file is damaged"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(start)):
            read(path)


def test_long_values_are_cut_short_in_messages():
    assert len(structured.shown([["x" * 10000] * 1000] * 1000)) < 500000
    assert structured.shown([1, "a"]) == "[1, 'a']"
