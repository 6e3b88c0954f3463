"""The benchmarks of input and step: records they make, rows they give, no speeds."""

import json

import numpy as np
import pytest
import tensorflow as tf
from running import ON_CPU, ROOT, run_program

from affinity_seg import class_tables, common
from affinity_seg.configs import training_data
from affinity_seg.data import graph_examples
from benchmarks import input_records, input_stages


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def sets(folder):
    return input_records.write_records(
        folder,
        crop_size=64,
        seed=1,
        images=2,
        crops=5,
        height=128,
        width=256,
    )


def decoded(pattern):
    paths = tf.io.gfile.glob(pattern)
    return list(tf.data.TFRecordDataset(paths).map(graph_examples.decode).as_numpy_iterator())


def test_crops_are_windows_of_the_streets(sets):
    crops, whole = (decoded(pattern) for pattern in sets.values())
    assert list(sets) == ["crops of 64x64", "images of 128x256"]
    assert len(crops) == 5 and len(whole) == 2
    for index, crop in enumerate(crops):
        assert crop["image"].shape == (64, 64, 3)
        street = whole[index % 2]
        views = np.lib.stride_tricks.sliding_window_view(street["image"], (64, 64, 3))[
            ..., 0, :, :, :
        ]
        places = np.argwhere((views == crop["image"]).all(axis=(-3, -2, -1)))
        assert any(
            (street["instances"][y : y + 64, x : x + 64] == crop["instances"]).all()
            for y, x in places
        )


def test_crops_larger_than_the_streets_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`crop_size` must be in \[1, 32\].*: 33"):
        input_records.write_records(str(tmp_path), crop_size=33, seed=1, height=32, width=64)


@pytest.mark.long
def test_stages_add_up(sets):
    config = training_data.DataConfig(
        input_path=sets["crops of 64x64"], is_training=True, crop_size=[64, 64],
        global_batch_size=2,
    )  # fmt: skip
    pipelines = input_stages.stages(config, class_tables.CITYSCAPES)
    first = {name: next(iter(pipeline)) for name, pipeline in pipelines.items()}
    assert {*input_stages.BASES, "read"} == set(first)
    assert first["decode a crop"]["image"].shape == (64, 64, 3)
    for name, base in input_stages.BASES.items():
        if base == "batch":
            element = first[name]
            image = element[0] if isinstance(element, tuple) else element["image"]
            assert image.shape == (2, 64, 64, 3)
    plain, flipped = first["decode a crop"]["image"].numpy(), first["flip"]["image"].numpy()
    assert (flipped == plain).all() or (flipped == plain[:, ::-1]).all()
    colours = first["+ colours"]["image"].numpy()
    assert (colours != first["batch"]["image"].numpy()).any()
    images, truth = first["labels, normalise (in the step)"]
    assert images.dtype == tf.float32 and truth[common.LABEL_CLASSES].dtype == tf.float32
    rows = input_stages.measure_stages(config, class_tables.CITYSCAPES, examples=3, repetitions=1)
    assert [row["stage"] for row in rows] == list(pipelines)
    assert rows[1]["CPU ms in it"] == pytest.approx(rows[1]["CPU ms"] - rows[0]["CPU ms"])
    assert all(row["examples/s of CPU"] == pytest.approx(1000 / row["CPU ms"]) for row in rows)


@pytest.mark.long
def test_formats_hold_the_same_images(sets, folder, tmp_path):
    patterns = input_records.write_formats(str(tmp_path), f"{folder}/streets", seed=1)
    assert list(patterns) == ["rendered", "camera"]
    found = {
        kind: {f: decoded(p) for f, p in formats.items()} for kind, formats in patterns.items()
    }
    for formats in found.values():
        for whole, tiled in zip(formats["one piece"], formats["tiles"], strict=True):
            assert whole["filename"] == tiled["filename"]
            for key in ("image", "instances"):
                np.testing.assert_array_equal(whole[key], tiled[key])
    rendered, camera = (formats["tiles"][0]["image"] for formats in found.values())
    assert 0 < np.abs(rendered.astype(int) - camera).mean() < 10
    config = training_data.DataConfig(
        input_path="?", is_training=True, crop_size=[64, 64], global_batch_size=2
    )
    rows = input_stages.measure_formats(
        patterns, config, class_tables.CITYSCAPES, examples=3, repetitions=1
    )
    assert [(row["pictures"], row["record"]) for row in rows] == [
        (kind, name) for kind in patterns for name in ("one piece", "tiles")
    ]
    assert all(
        row["crops/s of CPU"] == pytest.approx(1000 / row["CPU ms of a crop"]) for row in rows
    )
    assert all(0.01 < row["MB of an image"] < 1 for row in rows)


def test_input_tool_reads_given_records(sets, tmp_path):
    pattern = sets["crops of 64x64"]
    result = run_program(
        "-m benchmarks.input", ROOT, f"--input_path={pattern}", f"--output_dir={tmp_path}",
        "--crop_size=48", "--examples=2", "--batch_size=2", "--repetitions=1", **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    rows = json.loads((tmp_path / "results.json").read_text())[pattern]
    assert len(rows) == 10
    for row in rows:
        assert row["stage"] in result.stdout


def test_input_tool_names_missing_records(tmp_path):
    result = run_program(
        "-m benchmarks.input", ROOT, "--input_path=nowhere*", f"--output_dir={tmp_path}", **ON_CPU
    )
    assert result.returncode != 0
    assert "nowhere*" in result.stderr and "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


_TINY = {
    "task.train_data.crop_size": "[64,64]",
    "task.train_data.global_batch_size": "2",
    "task.validation_data.input_path": "none",
    "task.model.backbone.resnet_v1.preset": "small",
    "task.model.backbone.resnet_v1.width": "4",
    "task.model.aspp.filters": "8",
    "task.distances": "[1,8]",
}


def test_step_tool_trains_and_counts_the_wait(sets, tmp_path):
    overrides = {"task.train_data.input_path": sets["crops of 64x64"], **_TINY}
    result = run_program(
        "-m benchmarks.step", ROOT, "--experiment=affinity_seg_affinity",
        f"--output_dir={tmp_path}", "--steps=2", "--repetitions=2",
        "--params_override=" + ",".join(f"{key}={value}" for key, value in overrides.items()),
        **ON_CPU,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    row = json.loads((tmp_path / "results.json").read_text())
    assert (row["replicas"], row["batch"], row["crop"]) == (1, 2, "64x64")
    assert 0 < row["waiting"] < row["seconds/step"]
    assert row["computing"] == pytest.approx(row["seconds/step"] - row["waiting"])
    assert 0 < row["waiting, share"] < 1 and row["without input"] > 0
    assert row["crops/s"] == pytest.approx(2 / row["seconds/step"])
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    "override, wanted",
    [("task.losses.sample_strid=2", "sample_strid"), ("task.train_data.input_path=x*", "x*")],
)
def test_step_tool_names_what_is_wrong(tmp_path, override, wanted):
    result = run_program(
        "-m benchmarks.step", ROOT, "--flagfile=tools/flagfiles/demo_joint.flags",
        f"--output_dir={tmp_path}", f"--params_override={override}", **ON_CPU,
    )  # fmt: skip
    assert result.returncode != 0
    assert wanted in result.stderr and "Traceback" not in result.stderr
