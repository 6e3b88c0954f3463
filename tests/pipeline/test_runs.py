"""Folders of images: stopping, starting again, and what does not belong together."""

import json
import os

import cv2
import numpy as np
import oracle
import pytest
import tensorflow as tf

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.listing import Item
from affinity_seg.evaluation.results import read_result
from affinity_seg.modeling import network_folder
from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs, records
from affinity_seg.pipeline.filters import InstanceFilter
from affinity_seg.pipeline.timeline import (
    FINISH,
    NETWORK,
    PREDICT,
    READ,
    WAIT_FINISH,
    WAIT_READ,
    Timeline,
)

SETTINGS = {
    "cell_size": 8,
    "growth": 4,
    "crop_size": 32,
    "max_zoom": 1.0,
    "merge_window": 1,
    "min_pixels": 10,
}
CONFIG = InferenceConfig(**SETTINGS)


def _scene(shift):
    classes, instances = np.zeros((24, 32), np.int64), np.zeros((24, 32), np.int64)
    for number, (c, x) in enumerate([(1, 2), (1, 8), (3, 20)], start=1):
        classes[4:12, x + shift : x + shift + 6] = c
        instances[4:12, x + shift : x + shift + 6] = number
    return classes, instances


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three images, two model folders with real checkpoints, networks that know the truth."""
    items = []
    for i in range(3):
        path = tmp_path / "images" / f"street_{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(oracle.picture(*_scene(i)), cv2.COLOR_RGB2BGR))
        items.append(Item(f"street_{i}", path.name, str(path), None))
    for kind in ("semantic", "affinity"):
        _save(tmp_path / kind, 1.0)
    monkeypatch.setattr(
        prediction_runs,
        "load_network",
        lambda folder, *_: oracle.OracleNetwork(os.path.basename(folder)),
    )
    return tmp_path, items


def _save(folder, value):
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text("task: {}\n")
    tf.train.Checkpoint(weight=tf.Variable(value)).save(str(folder / "ckpt"))


def _predict(folder, items, config=CONFIG):
    return prediction_runs.predict_images(
        items, config, str(folder / "semantic"), str(folder / "affinity"), str(folder / "out")
    )


def test_predict_and_merge_give_the_truth(folders):
    folder, items = folders
    assert _predict(folder, items) == 3
    merged = merge_runs.merge_records(
        str(folder / "out"), CONFIG, "graph_merge", str(folder / "res")
    )
    assert merged == 3
    for i, item in enumerate(items):
        classes, instances = _scene(i)
        found = read_result(str(folder / "res"), item.name, oracle.TABLE)
        assert len(found) == 3
        for number, prediction in enumerate(found, start=1):
            assert np.array_equal(prediction.mask, instances == number)
            assert prediction.class_index == classes[prediction.mask][0]
    base = merge_runs.merge_records(
        str(folder / "out"), CONFIG, "connected_components", str(folder / "base")
    )
    assert base == 3
    assert len(read_result(str(folder / "base"), "street_0", oracle.TABLE)) == 2


def test_merging_beside_the_networks_gives_the_same_results(folders):
    folder, items = folders
    dirs = str(folder / "semantic"), str(folder / "affinity")
    made_by = fingerprint.prediction_fingerprint(CONFIG, *dirs)
    merger = merge_runs.RecordMerger(made_by, CONFIG, "graph_merge", str(folder / "beside"))
    times = Timeline()
    prediction_runs.predict_images(
        items, CONFIG, *dirs, str(folder / "out"), merger=merger, times=times
    )
    assert merger.count == 3
    assert (
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "beside"))
        == 0
    )
    merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "after"))
    assert _contents(folder / "beside") == _contents(folder / "after")
    for stage in (READ, WAIT_READ, PREDICT, WAIT_FINISH, FINISH):
        names = [span.name for span in times.spans if span.stage == stage]
        assert names == [item.name for item in items]
    # Each network runs at least once for each image; the semantic one on the full image as well.
    assert sum(span.stage == NETWORK for span in times.spans) >= 3 * len(items)


def _contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_other_classes_with_enough_votes_are_listed(folders):
    folder, items = folders
    _predict(folder, items[:1])
    record = records.read_record(str(folder / "out" / "street_0.tfrecord"))
    # Three of the first square's eight rows look like discs.
    logits = record.prediction.regions[0].semantic_logits.copy()
    assert record.prediction.regions[0].region.box == (0, 0, 20, 20)
    logits[:, 4:7, :, 2] += 3 * oracle.MARGIN * (logits[:, 4:7, :, 1] > 0)
    record.prediction.regions[0] = record.prediction.regions[0]._replace(semantic_logits=logits)
    records.write_record(str(folder / "out" / "street_0.tfrecord"), record)
    listed = {}
    for ratio in (None, 0.6, 0.7):
        config = InferenceConfig(**{**SETTINGS, "vote_min_ratio": ratio})
        merge_runs.merge_records(
            str(folder / "out"), config, "graph_merge", str(folder / f"{ratio}")
        )
        listed[ratio] = read_result(str(folder / f"{ratio}"), "street_0", oracle.TABLE)
    assert [p.class_index for p in listed[None]] == [1, 1, 3]
    assert [p.class_index for p in listed[0.7]] == [1, 1, 3]
    assert [p.class_index for p in listed[0.6]] == [1, 2, 1, 2, 3]
    first, second = listed[0.6][:2]
    np.testing.assert_array_equal(first.mask, second.mask)
    assert second.score == pytest.approx(first.score * 3 / 5, rel=1e-6)


def test_a_killed_run_goes_on_where_it_was(folders, monkeypatch):
    folder, items = folders
    write = records.write_record

    def killed(path, record):
        if record.name == "street_1":
            half = folder / "out" / ".tmp-half-street_1.tfrecord"
            half.write_bytes(b"half")
            os.utime(half, (0, 0))
            raise KeyboardInterrupt
        write(path, record)

    monkeypatch.setattr(records, "write_record", killed)
    with pytest.raises(KeyboardInterrupt):
        _predict(folder, items)
    monkeypatch.setattr(records, "write_record", write)
    before = os.stat(folder / "out" / "street_0.tfrecord").st_mtime_ns
    assert _predict(folder, items) == 2
    assert os.stat(folder / "out" / "street_0.tfrecord").st_mtime_ns == before
    assert sorted(os.listdir(folder / "out")) == [
        "fingerprint.json", "street_0.tfrecord", "street_1.tfrecord", "street_2.tfrecord",
    ]  # fmt: skip
    assert _predict(folder, items) == 0

    write_result, results = merge_runs.results_lib.write_result, str(folder / "res")

    def killed_merge(results_dir, name, *args):
        if name == "street_2":
            raise KeyboardInterrupt
        write_result(results_dir, name, *args)

    monkeypatch.setattr(merge_runs.results_lib, "write_result", killed_merge)
    with pytest.raises(KeyboardInterrupt):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results)
    monkeypatch.setattr(merge_runs.results_lib, "write_result", write_result)
    assert merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results) == 1
    assert merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results) == 0


def test_what_does_not_belong_together_is_refused(folders):
    folder, items = folders
    _predict(folder, items)
    other = InferenceConfig(**{**SETTINGS, "crop_size": 64})
    with pytest.raises(ValueError, match="there `crop_size` is 32, not 64"):
        _predict(folder, items, other)
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
    _save(folder / "affinity", 2.0)
    with pytest.raises(ValueError, match="there `affinity_network` is"):
        _predict(folder, items)


@pytest.mark.parametrize("method", ["graph_merge", "connected_components"])
def test_a_merge_may_use_fewer_views_and_a_smaller_window_than_the_records_have(folders, method):
    folder, items = folders
    whole = {**SETTINGS, "regions": False}  # The regions would be those of the records.
    held = InferenceConfig(**{**whole, "merge_window": 4})
    used = InferenceConfig(**{**whole, "semantic_flip": False, "affinity_flip": False})
    _predict(folder, items, held)
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
    _predict(folder, items[:1])
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
    _predict(folder, items)
    arguments = (str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    bars = InstanceFilter(min_score=0.5, classes=("bar",))
    assert merge_runs.merge_records(*arguments, bars) == 3
    (found,) = read_result(str(folder / "res"), "street_0", oracle.TABLE)
    assert np.array_equal(found.mask, _scene(0)[1] == 3)
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
    _predict(folder, items)
    path = str(folder / "out" / "street_1.tfrecord")
    record = records.read_record(path)
    records.write_record(path, record._replace(fingerprint={**record.fingerprint, "growth": 9}))
    with pytest.raises(ValueError, match=r"street_1\.tfrecord: .* `growth` is 9, not 4"):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    with pytest.raises(ValueError, match=r"street_1\.tfrecord: .* `growth` is 9, not 4"):
        _predict(folder, items)
    with pytest.raises(FileNotFoundError, match="no prediction record"):
        merge_runs.merge_records(str(folder / "images"), CONFIG, "graph_merge", str(folder / "res"))


def test_another_image_of_the_same_name_is_refused(folders):
    folder, items = folders
    _predict(folder, items)
    os.replace(items[2].image_path, items[1].image_path)
    with pytest.raises(ValueError, match=r"out/street_1\.tfrecord: .*images/street_1\.png"):
        _predict(folder, items[:2])
    os.remove(folder / "out" / "street_1.tfrecord")
    assert _predict(folder, items[:2]) == 1


def test_a_new_record_is_merged_again(folders):
    folder, items = folders
    arguments = (str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    _predict(folder, items)
    assert merge_runs.merge_records(*arguments) == 3
    os.replace(items[2].image_path, items[1].image_path)
    os.remove(folder / "out" / "street_1.tfrecord")
    _predict(folder, items[:2])
    check = (str(folder / "res"), "street_1", str(folder / "out" / "street_1.tfrecord"))
    with pytest.raises(ValueError, match=r"street_1_pred\.txt: .*street_1\.tfrecord"):
        merge_runs.check_result(*check)
    assert merge_runs.merge_records(*arguments) == 1
    merge_runs.check_result(*check)
    _, instances = _scene(2)
    found = read_result(str(folder / "res"), "street_1", oracle.TABLE)
    assert np.array_equal(found[0].mask, instances == 1)
    # Results without a note of what made them are somebody else's.
    os.remove(folder / "res" / "fingerprint.json")
    with pytest.raises(ValueError, match=r"res holds .* but no fingerprint\.json"):
        merge_runs.merge_records(*arguments)


def test_a_damaged_record_is_predicted_again(folders):
    folder, items = folders
    _predict(folder, items)
    path = folder / "out" / "street_1.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    assert _predict(folder, items) == 1
    assert path.read_bytes() == content


def test_a_refused_run_leaves_no_mark(folders):
    folder, items = folders
    bad = items[0]._replace(image_path=str(folder / "missing.png"))
    with pytest.raises(FileNotFoundError):
        _predict(folder, [bad])
    with pytest.raises(ValueError, match=r"`semantic_dir` must hold the semantic .*/affinity"):
        prediction_runs.predict_images(
            items, CONFIG, str(folder / "affinity"), str(folder / "semantic"), str(folder / "out")
        )
    assert not os.path.exists(folder / "out")
    _predict(folder, items)
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
        _save(tmp_path / name, value)
    a, b, c = (network_folder.network_identity(str(tmp_path / name)) for name in "abc")
    assert a == b and a != c
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        network_folder.network_identity(str(tmp_path))


def test_a_network_runs_on_a_crop_once_for_all_variants(folders, monkeypatch):
    folder, items = folders
    seen = []

    def load(model_dir, stride, _):
        network = oracle.OracleNetwork(os.path.basename(model_dir), stride or 1)
        answer = network.logits

        def logits(normalized):
            seen.extend(
                (network.kind, network.output_stride, image.tobytes())
                for image in normalized.numpy()
            )
            return answer(normalized)

        network.logits = logits
        return network

    monkeypatch.setattr(prediction_runs, "load_network", load)
    plain = {**SETTINGS, "semantic_flip": False, "affinity_flip": False}
    settings = {
        "plain": plain,
        "flips": SETTINGS,
        "affinity flip": {**plain, "affinity_flip": True},
        "together": {**plain, "partition": False},
        "stride": {**plain, "affinity_stride": 8},
    }
    configs = {str(folder / name): InferenceConfig(**s) for name, s in settings.items()}
    dirs = (str(folder / "semantic"), str(folder / "affinity"))
    made = prediction_runs.predict_variants(items, configs, *dirs)
    assert [m.images for m in made] == [3] * 5
    assert len(seen) == len(set(seen))
    # Alone, each gives the same records.
    for name, config in configs.items():
        monkeypatch.setattr(prediction_runs, "load_network", load)
        prediction_runs.predict_images(items, config, *dirs, name + " alone")
        for item in items:
            with open(records.record_path(name, item.name), "rb") as file:
                together = file.read()
            with open(records.record_path(name + " alone", item.name), "rb") as file:
                assert file.read() == together
    assert len(seen) > len(set(seen))
    assert [m.images for m in prediction_runs.predict_variants(items, configs, *dirs)] == [0] * 5
