"""Folders of images: predicting, merging, stopping and starting again."""

import os

import numpy as np
import oracle
import pytest
from runs import CONFIG, SETTINGS, predict, scene

from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.evaluation import result_writing
from affinity_seg.evaluation.result_reading import read_result
from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs, records
from affinity_seg.pipeline.timeline import (
    FINISH,
    NETWORK,
    PREDICT,
    READ,
    WAIT_FINISH,
    WAIT_READ,
    Timeline,
)


def test_predict_and_merge_give_the_truth(folders):
    folder, items = folders
    assert predict(folder, items) == 3
    merged = merge_runs.merge_records(
        str(folder / "out"), CONFIG, "graph_merge", str(folder / "res")
    )
    assert merged == 3
    for i, item in enumerate(items):
        classes, instances = scene(i)
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
    predict(folder, items[:1])
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
        predict(folder, items)
    monkeypatch.setattr(records, "write_record", write)
    before = os.stat(folder / "out" / "street_0.tfrecord").st_mtime_ns
    assert predict(folder, items) == 2
    assert os.stat(folder / "out" / "street_0.tfrecord").st_mtime_ns == before
    assert sorted(os.listdir(folder / "out")) == [
        "fingerprint.json", "street_0.tfrecord", "street_1.tfrecord", "street_2.tfrecord",
    ]  # fmt: skip
    assert predict(folder, items) == 0

    write_result, results = result_writing.write_result, str(folder / "res")

    def killed_merge(results_dir, name, *args):
        if name == "street_2":
            raise KeyboardInterrupt
        write_result(results_dir, name, *args)

    monkeypatch.setattr(result_writing, "write_result", killed_merge)
    with pytest.raises(KeyboardInterrupt):
        merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results)
    monkeypatch.setattr(result_writing, "write_result", write_result)
    assert merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results) == 1
    assert merge_runs.merge_records(str(folder / "out"), CONFIG, "graph_merge", results) == 0


def test_a_new_record_is_merged_again(folders):
    folder, items = folders
    arguments = (str(folder / "out"), CONFIG, "graph_merge", str(folder / "res"))
    predict(folder, items)
    assert merge_runs.merge_records(*arguments) == 3
    os.replace(items[2].image_path, items[1].image_path)
    os.remove(folder / "out" / "street_1.tfrecord")
    predict(folder, items[:2])
    check = (str(folder / "res"), "street_1", str(folder / "out" / "street_1.tfrecord"))
    with pytest.raises(ValueError, match=r"street_1_pred\.txt: .*street_1\.tfrecord"):
        merge_runs.check_result(*check)
    assert merge_runs.merge_records(*arguments) == 1
    merge_runs.check_result(*check)
    _, instances = scene(2)
    found = read_result(str(folder / "res"), "street_1", oracle.TABLE)
    assert np.array_equal(found[0].mask, instances == 1)
    # Results without a note of what made them are somebody else's.
    os.remove(folder / "res" / "fingerprint.json")
    with pytest.raises(ValueError, match=r"res holds .* but no fingerprint\.json"):
        merge_runs.merge_records(*arguments)


def test_a_damaged_record_is_predicted_again(folders):
    folder, items = folders
    predict(folder, items)
    path = folder / "out" / "street_1.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    assert predict(folder, items) == 1
    assert path.read_bytes() == content


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
