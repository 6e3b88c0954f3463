"""Clusterings and strategies on affinities that are perfect; no speeds."""

import numpy as np
import oracle
import pytest

from affinity_seg import class_tables, model_folder, neighbors
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing
from affinity_seg.evaluation import metrics, truth
from affinity_seg.pipeline import records
from affinity_seg.pipeline.predictions import ImagePrediction, RegionPrediction
from affinity_seg.pipeline.regions import Region
from affinity_seg.tasks import registry_imports  # noqa: F401
from benchmarks import clusterings, model_measures, scenes, strategies

PRESET = InferenceConfig(
    regions=False,
    partition=False,
    zoom="none",
    crop_size=32,
    bucket=1,
    merge_window=2,
    stages=(7,),
    thresholds=(0.5,),
    min_pixels=4,
)


def _touching():
    """Returns the truth and the record of an image with two objects that touch, and a third."""
    ids = np.zeros((72, 96), np.int32)
    ids[4:12, 2:10], ids[4:12, 10:20], ids[16:22, 24:30] = 1, 2, 3
    scene = scenes.constant_scene(ids)
    table = class_tables.load_class_table("nuclei")
    semantic, affinity = (np.where(x > 0.5, 8, -8)[None] for x in scene[1:])
    region = Region(group=0, box=(0, 0, *ids.shape), mask=np.ones(ids.shape, bool))
    semantic, affinity = semantic.astype(np.float16), affinity.astype(np.float16)
    predicted = RegionPrediction(region, ids.shape, semantic, affinity)
    prediction = ImagePrediction(*ids.shape, 1, 1, neighbors.DISTANCES, semantic, [predicted])
    record = records.Record(
        name="touching",
        filename="touching.png",
        image_sha256="",
        fingerprint={},
        class_table=table,
        prediction=prediction,
    )
    target = truth.Truth(np.minimum(ids, 1), ids, np.ones(3, np.int32), np.zeros(ids.shape, bool))
    return target, record


def _compare(config, compared=None):
    """Returns rows and what was skipped, of the image above."""
    target, record = _touching()
    image = clusterings.Image(target, record, config)
    judge = metrics.Judge(record.class_table, "dsb")
    return clusterings.compare(compared or clusterings.known(), judge, [image], [image])


def test_every_clustering_of_perfect_affinities_is_perfect():
    rows, skipped = _compare(PRESET)
    assert not skipped
    assert len(rows) == 6
    *of_affinities, components = rows
    for row in of_affinities:
        assert row["dsb_mean"] == 1, row
        assert row["level"] in clusterings.LEVELS
    # Without affinities the two that touch are one.
    assert components["dsb_0.50"] < 1 and components["level"] is None


def test_objects_below_the_smallest_size_are_left_out():
    config = inference.change(PRESET, {"min_pixels": 36})  # That of the third object.
    rows, _ = _compare(config)
    for row in rows[:-1]:
        assert row["dsb_mean"] == pytest.approx(2 / 3), row


def test_a_package_that_is_not_there_is_skipped():
    ours, *_ = clusterings.known()
    missing = ours._replace(name="another", package="no_such_package_here")
    rows, skipped = _compare(PRESET, [ours, missing])
    assert [row["name"] for row in rows] == [ours.name]
    assert skipped == ["skipped: another: package no_such_package_here not found"]


def test_each_strategy_differs_from_the_preset():
    found, skipped = strategies.strategies(PRESET, oracle.TABLE, neighbors.DISTANCES)
    names = [one.name for one in found]
    assert names[0] == "the model's preset" and len(set(names)) == len(names)
    assert {"without refinement", "with class partition", "merge window 4"} <= set(names)
    assert "merge window 2" not in names  # It is the preset's own.
    assert all(one.config != PRESET for one in found[1:])
    assert not skipped
    _, skipped = strategies.strategies(
        PRESET, class_tables.load_class_table("nuclei"), neighbors.DISTANCES
    )
    assert skipped == ["not run: class partition, for all classes are of one super-class"]


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A model whose networks read the truth off the picture, and two labelled images."""
    oracle.write_labelled(tmp_path / "data", 2)
    loaded = oracle.write_model(tmp_path / "model", monkeypatch, preset=PRESET)
    items = listing.list_labelled_images(str(tmp_path / "data"), "folder", "val")
    return model_folder.read(str(tmp_path / "model")), items, loaded


def test_a_model_is_measured_once(model, tmp_path):
    described, items, loaded = model
    found = model_measures.compare(described, items[:1], items, str(tmp_path / "out"))
    by_name = {row["name"]: row for row in found["clusterings"]}
    # The preset's windows hold pixels of two instances, so that the masks are not exact.
    assert by_name["ours: average linkage"]["dsb_0.50"] == 1
    by_name = {row["name"]: row for row in found["strategies"]}
    assert by_name["merge window 1"]["ap"] == 1
    assert by_name["with class partition"]["ap50"] == 1
    assert found["machine"] == model_measures.machine()

    path = str(tmp_path / "out" / "seconds.json")
    seconds = model_measures.seconds_per_image(described, items, path)
    assert seconds > 0
    loaded.clear()
    again = model_measures.compare(described, items[:1], items, str(tmp_path / "out"))
    assert again == found
    assert model_measures.seconds_per_image(described, items, path) == seconds
    assert not loaded
    model_folder.write(described.path, preset=strategies.recorded_with(PRESET, (1, 2, 4)))
    changed = model_folder.read(described.path)
    model_measures.seconds_per_image(changed, items, path)
    assert loaded
