"""Folders of images: outputs of other settings, networks or images do not belong together."""

import json
import os

import numpy as np
import oracle
import pytest
from runs import CONFIG, SETTINGS, predict, save, scene

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation.result_reading import read_result
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs, records
from affinity_seg.pipeline.filters import InstanceFilter


def test_what_does_not_belong_together_is_refused(folders):
    folder, items = folders
    predict(folder, items)
    other = InferenceConfig(**{**SETTINGS, "crop_size": 64})
    with pytest.raises(ValueError, match="there `crop_size` is 32, not 64"):
        predict(folder, items, other)
    with pytest.raises(ValueError, match="there `crop_size` is 32, not 64"):
        merge_runs.merge_records(str(folder / "out"), other, "graph_merge", str(folder / "res"))
    # Fields of the graph may change, but not within a folder of results.
    graph = InferenceConfig(**{**SETTINGS, "alpha": 4.0})
    assert (
        merge_runs.merge_records(str(folder / "out"), graph, "graph_merge", str(folder / "res"))
        == 3
    )
    with pytest.raises(ValueError, match=r"there `alpha` is 4\.0, not 5\.0"):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    # Another checkpoint is another network.
    save(folder / "affinity", 2.0)
    with pytest.raises(ValueError, match="there `affinity_network` is"):
        predict(folder, items)


@pytest.mark.parametrize("method", ["graph_merge", "connected_components"])
def test_a_merge_may_use_fewer_views_and_a_smaller_window_than_the_records_have(folders, method):
    folder, items = folders
    whole = {**SETTINGS, "regions": False}  # The regions would be those of the records.
    held = InferenceConfig(**{**whole, "merge_window": 4})
    used = InferenceConfig(**{**whole, "semantic_flip": False, "affinity_flip": False})
    predict(folder, items, held)
    dirs = [str(folder / kind) for kind in ("semantic", "affinity")]
    prediction_runs.predict_images(items, used, *dirs, str(folder / "own"))
    for records_of, results in (("out", "a"), ("own", "b")):
        merge_runs.merge_records(str(folder / records_of), used, method, str(folder / results))
    for item in items:
        found, own = (read_result(str(folder / name), item.name, oracle.TABLE) for name in "ab")
        assert len(found) == len(own) > 1
        for one, other in zip(found, own, strict=True):
            assert np.array_equal(one.mask, other.mask) and one[1:] == other[1:]
    with pytest.raises(ValueError, match="there `affinity_flip` is False, not True"):
        merge_runs.merge_records(str(folder / "own"), held, method, str(folder / "c"))


def test_views_of_a_prediction(folders):
    folder, items = folders
    predict(folder, items[:1])
    prediction = records.read_record(
        records.record_path(str(folder / "out"), "street_0")
    ).prediction
    for semantic, affinity in ((True, False), (False, True)):
        kept = prediction.select_views(semantic, affinity)
        assert len(kept.semantic_logits) == 1 + semantic
        for region in kept.regions:
            assert len(region.semantic_logits) == 1 + semantic
            assert len(region.affinity_logits) == 1 + affinity
    assert kept.regions


def test_the_filter_belongs_to_the_results(folders):
    folder, items = folders
    predict(folder, items)
    arguments = (str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    bars = InstanceFilter(min_score=0.5, classes=("bar",))
    assert merge_runs.merge_records(*arguments, bars) == 3
    (found,) = read_result(str(folder / "res"), "street_0", oracle.TABLE)
    assert np.array_equal(found.mask, scene(0)[1] == 3)
    assert merge_runs.merge_records(*arguments, bars) == 0
    with pytest.raises(ValueError, match=r"there `classes` is \['bar'\], not None"):
        merge_runs.merge_records(*arguments)
    with pytest.raises(ValueError, match=r"there `min_score` is 0\.5, not 0\.6"):
        merge_runs.merge_records(*arguments, bars._replace(min_score=0.6))
    # The preset's least score is that of the filter, and of the instances themselves.
    preset = InferenceConfig(**SETTINGS, min_score=1.0)
    with pytest.raises(ValueError, match=r"there `min_score` is 0\.5, not 1\.0"):
        merge_runs.merge_records(str(folder / "out"), preset, *arguments[2:], bars)
    record = records.read_record(str(folder / "out" / "street_0.tfrecord"))
    assert len(merge_runs.merge_record(record, CONFIG).classes) == 3
    assert not len(merge_runs.merge_record(record, preset).classes)
    # Results that were made before there was a filter are those without one.
    old = (str(folder / "out"), CONFIG, "graph_merge", str(folder / "old"))
    merge_runs.merge_records(*old)
    path = folder / "old" / "fingerprint.json"
    content = json.loads(path.read_text())
    assert content.pop("min_score", 0) is content.pop("classes", 0) is None
    path.write_text(json.dumps(content))
    assert merge_runs.merge_records(*old) == 0


def test_a_record_of_another_run_in_the_folder_is_named(folders):
    folder, items = folders
    predict(folder, items)
    path = str(folder / "out" / "street_1.tfrecord")
    record = records.read_record(path)
    records.write_record(path, record._replace(fingerprint={**record.fingerprint, "growth": 9}))
    with pytest.raises(ValueError, match=r"street_1\.tfrecord: .* `growth` is 9, not 4"):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    with pytest.raises(ValueError, match=r"street_1\.tfrecord: .* `growth` is 9, not 4"):
        predict(folder, items)
    with pytest.raises(FileNotFoundError, match="no prediction record"):
        merge_runs.merge_records(str(folder / "images"), CONFIG, "graph_merge", str(folder / "res"))


def test_another_image_of_the_same_name_is_refused(folders):
    folder, items = folders
    predict(folder, items)
    os.replace(items[2].image_path, items[1].image_path)
    with pytest.raises(ValueError, match=r"out/street_1\.tfrecord: .*images/street_1\.png"):
        predict(folder, items[:2])
    os.remove(folder / "out" / "street_1.tfrecord")
    assert predict(folder, items[:2]) == 1


def test_a_refused_run_leaves_no_mark(folders):
    folder, items = folders
    bad = items[0]._replace(image_path=str(folder / "missing.png"))
    with pytest.raises(FileNotFoundError):
        predict(folder, [bad])
    with pytest.raises(ValueError, match=r"`semantic_dir` must hold the semantic .*/affinity"):
        prediction_runs.predict_images(
            items, CONFIG, str(folder / "affinity"), str(folder / "semantic"), str(folder / "out")
        )
    assert not os.path.exists(folder / "out")
    predict(folder, items)
    stages = InferenceConfig(**{**SETTINGS, "stages": (3, 2, 1)})
    with pytest.raises(ValueError, match=r"street_0\.tfrecord: `stages` must add up"):
        merge_runs.merge_records(str(folder / "out"), stages, "graph_merge", str(folder / "res"))
    assert not os.path.exists(folder / "res")
    # A run that was killed before its first output does not bind the folder.
    fingerprint.claim_folder(str(folder / "res"), {"method": "other"})
    assert (
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
        == 3
    )
    (folder / "res" / "fingerprint.json").write_text("{")
    with pytest.raises(ValueError, match=r"fingerprint\.json: the file is damaged"):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))


def test_identity_is_of_the_weights_not_of_the_folder(tmp_path):
    for name, value in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        save(tmp_path / name, value)
    a, b, c = (network_folder.network_identity(str(tmp_path / name)) for name in "abc")
    assert a == b and a != c
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        network_folder.network_identity(str(tmp_path))
