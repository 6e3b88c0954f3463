"""Presets and overrides of inference."""

import dataclasses
import glob
import os

import pytest
import yaml

from affinity_seg import class_tables, labels
from affinity_seg.configs.inference import InferenceConfig, load_config
from affinity_seg.configs.paper_tables import TABLES

PRESETS = os.path.join(os.path.dirname(__file__), "..", "..", "configs", "presets")


def _preset(name):
    return load_config(os.path.join(PRESETS, name + ".yaml"))


def test_the_best_preset_lists_every_field():
    with open(os.path.join(PRESETS, "paper_best.yaml"), encoding="utf-8") as file:
        assert list(yaml.safe_load(file)) == [f.name for f in dataclasses.fields(InferenceConfig)]


@pytest.mark.parametrize("row", [row for rows in TABLES.values() for row in rows])
def test_presets_of_the_tables_differ_in_the_strategy_of_their_row(row):
    config, above = _preset(row.preset), _preset(row.above)
    fields = [f.name for f in dataclasses.fields(InferenceConfig)]
    differ = [name for name in fields if getattr(config, name) != getattr(above, name)]
    assert sorted(differ) == sorted(row.changes)
    assert config.min_pixels == 256 * config.merge_window**2


def test_ends_of_the_tables():
    assert not _preset("table2_baseline").refine
    assert _preset("table3_class_refinement") == _preset("paper_best")


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(PRESETS, "*.yaml"))))
def test_presets_load_and_name_every_change_from_the_defaults(path):
    config = load_config(path)
    with open(path, encoding="utf-8") as file:
        for name, value in yaml.safe_load(file).items():
            found = getattr(config, name)
            assert (list(found) if isinstance(found, tuple) else found) == value


def test_overrides_win_and_are_typed():
    config = load_config(None, ["min_pixels=7", "thresholds=[1, 0.5, 0.25]", "groups=[0, 1]"])
    assert config.min_pixels == 7 and config.groups == (0, 1)
    assert config.thresholds == (1.0, 0.5, 0.25) and type(config.thresholds[0]) is float


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("min_pixel=7", "unknown field 'min_pixel'"),
        ("min_pixels=many", "`min_pixels` must be of type int: 'many'"),
        ("refine=1", "`refine` must be of type bool: 1"),
        ("merge_window=3", "`merge_window` must be 1, 2 or 4: 3"),
        ("thresholds=[0.9]", "`thresholds` must have one entry per stage, 3"),
        ("thresholds=[0.9, 0.5, 0.7]", "`thresholds` must never increase"),
        ("thresholds=[1.5, 0.5, 0.3]", "`thresholds` must be in [1e-06, 1.0]: (1.5"),
        ("thresholds=[0.9, 0.5, .nan]", "`thresholds` must be in [1e-06, 1.0]"),
        ("thresholds=[0.9, 0.5, 0.0000001]", "`thresholds` must be in [1e-06, 1.0]"),
        ("stages=[7, 0, 0]", "`stages` must have positive entries"),
        ("alpha=0", "`alpha` must be in [1e-06, 1000000.0]: 0.0"),
        ("alpha=.nan", "`alpha` must be in [1e-06, 1000000.0]: nan"),
        ("alpha=.inf", "`alpha` must be in"),
        ("alpha=1" + 400 * "0", "`alpha` must be of type float"),
        ("alpha=true", "`alpha` must be of type float: True"),
        ("min_pixels=true", "`min_pixels` must be of type int: True"),
        ("min_pixels=2147483648", "`min_pixels` must be in [0, 2147483647]: 2147483648"),
        ("cell_size=1000000000000", "`cell_size` must be in [1, 65536]: 1000000000000"),
        ("growth=-1", "`growth` must be in [0, 65536]: -1"),
        ("crop_size=0", "`crop_size` must be in [1, 8192]: 0"),
        ("max_zoom=.inf", "`max_zoom` must be in"),
        ("groups=[0, 1000000000000]", "`groups` must be in [0, 254]"),
        ("groups={0: 1}", "`groups` must be a list"),
        ("lowest_zoom=0", "`lowest_zoom` must be"),
        ("min_zoom=5", "`min_zoom` must be at most `max_zoom`, 2.0: 5.0"),
        ("zoom=double", "`zoom` must be one of ('box_height', 'none', 'auto'): 'double'"),
        ("object_size=0", "`object_size` must be in [1.0, 8192.0]: 0.0"),
        ("first_zoom=0", "`first_zoom` must be in [0.015625, 64.0]: 0.0"),
        ("zoom=auto", "`regions` must be false where `zoom` is 'auto': True"),
        ("linkage=single", "`linkage` must be"),
        ("stages=3", "`stages` must be a list: 3"),
        ("min_pixels", "must be 'field=value'"),
        ("semantic_stride=0", "`semantic_stride` must be null or one of (4, 8, 16, 32): 0"),
        ("vote_min_ratio=0", "`vote_min_ratio` must be in [1e-06, 1.0]: 0.0"),
        ("vote_min_ratio=half", "`vote_min_ratio` must be of type float: 'half'"),
        ("bucket=0", "`bucket` must be in [1, 8192]: 0"),
        ("max_input_pixels=1000", "`max_input_pixels` must be in [262144, 67108864]: 1000"),
        ("tile_overlap=100", "`tile_overlap` must be a multiple of 64: 100"),
        ("tile_overlap=512", "`tile_overlap` must be in [0, 256]: 512"),
        ("logits_dtype=half", "`logits_dtype` must be one of ('float16', 'float32'): 'half'"),
        ("precision=float16", "`precision` must be one of ('float32', 'mixed_float16'"),
        ("alpha=[", "--override=alpha=[: not YAML"),
    ],
)
def test_bad_overrides_are_refused(override, message):
    with pytest.raises(ValueError) as error:
        load_config(os.path.join(PRESETS, "demo.yaml"), [override])
    assert message in str(error.value)
    assert str(error.value).startswith(f"--override={override}: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("object_size=null", "`object_size` must be given where `zoom` is 'auto': None"),
        (
            "min_pixels=1257",
            "`min_pixels` must be less than the area of a disc of the diameter `object_size`, "
            "1257, where `zoom` is 'auto': 1257",
        ),
        ("first_zoom=0.9", "`first_zoom` must be in [1.0, 4.0] where `zoom` is 'auto': 0.9"),
        ("lowest_zoom=1.1", "`lowest_zoom` must be at most `min_zoom`, 1.0: 1.1"),
        ("first_zoom=4.1", "`first_zoom` must be in [1.0, 4.0] where `zoom` is 'auto': 4.1"),
    ],
)
def test_fields_that_do_not_fit_zoom_auto_are_refused(override, message):
    fits = {"zoom": "auto", "regions": False, "object_size": 40}
    assert load_config(fits, ["first_zoom=4"]).zoom == "auto"
    with pytest.raises(ValueError) as error:
        load_config(fits, [override])
    assert str(error.value) == f"--override={override}: {message}"


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "preset.yaml"
    path.write_text("scale: 2\n")
    with pytest.raises(ValueError, match=r"preset\.yaml: unknown field 'scale'"):
        load_config(str(path))
    path.write_text("alpha: 0\n")
    with pytest.raises(ValueError, match=r"preset\.yaml: `alpha` must"):
        load_config(str(path), ["growth=2"])
    for content in (b"\xff\xfe\xff", b"alpha: [", b"alpha: 2001-99-99"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"preset\.yaml: not YAML"):
            load_config(str(path))
    path.write_text("- 2\n")
    with pytest.raises(ValueError, match=r"preset\.yaml: a preset must be a mapping"):
        load_config(str(path))
    with pytest.raises(FileNotFoundError, match=r"missing\.yaml"):
        load_config(str(tmp_path / "missing.yaml"))


def test_classes_and_groups_come_from_the_table():
    config = InferenceConfig(refine_classes=("motorcycle", "bicycle"))
    assert config.refine_class_indices(class_tables.CITYSCAPES) == (7, 8)
    assert config.class_groups(class_tables.CITYSCAPES) == labels.CITYSCAPES_GROUPS
    with pytest.raises(ValueError, match="'tram'"):
        InferenceConfig(refine_classes=("tram",)).refine_class_indices(class_tables.CITYSCAPES)
    with pytest.raises(ValueError, match="`groups`"):
        InferenceConfig(groups=(0, 2)).class_groups(class_tables.CITYSCAPES)
