"""The whole pipeline: the same bytes as the plain tools, twice, with faults, from other sources."""

import dataclasses
import json
import os
import re
import shutil

import pytest
from plain_outputs import NUM_STREETS, contents, read
from running import ROOT, run_verb

from affinity_seg.beam.segmentation import Segmentation
from affinity_seg.class_tables import CITYSCAPES
from affinity_seg.data import tfrecords
from affinity_seg.evaluation import metrics
from affinity_seg.export import coco
from affinity_seg.pipeline import fingerprint, merge_runs, prediction_runs


def rejected(folder):
    return json.loads(read(os.path.join(folder, "rejected.json")))


@pytest.fixture
def done(wanted, tmp_path):
    """A folder in which everything is done."""
    wanted.copy_to(tmp_path / "out")
    return tmp_path / "out"


def test_two_processes_give_the_same_bytes_and_the_official_ap(wanted, tmp_path):
    result = run_verb(
        "segment", ROOT, f"--input={wanted.streets}", "--layout=cityscapes",
        "--runner=DirectRunner", "--direct_num_workers=2",
        f"--preset={wanted.folder}/preset.yaml", f"--output_dir={tmp_path}/out",
        f"--model={wanted.folder}", "--evaluate", "--coco",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    assert f"{NUM_STREETS} images predicted, {NUM_STREETS} merged, 0 were there" in result.stdout
    wanted.assert_equal(tmp_path / "out")
    results_dir = os.path.join(wanted.folder, "results")
    scores = metrics.main_scores(wanted.items, results_dir, CITYSCAPES)
    assert scores["ap"] is not None
    assert json.loads(read(tmp_path / "out" / "scores.json")) == scores
    paths = [str(tmp_path / f"instances_val{kind}.json") for kind in ("", "_results")]
    assert coco.write_coco(wanted.items, results_dir, CITYSCAPES, *paths) > 3
    for path in paths:
        assert read(tmp_path / "out" / "coco" / os.path.basename(path)) == read(path)
    assert not os.path.exists(tmp_path / "out" / "rejected.json")


EVENTS = []


class WatchedRun(Segmentation):
    """Tells what the pipeline does in this process, in the order of its events."""

    def load(self):
        EVENTS.append("load")
        return Watched(super().load(), "record")

    def folders(self, rejected=None):
        return Watched(super().folders(rejected), "finish")


class Watched:
    """An object one of whose methods tells that it begins, and that it has ended."""

    def __init__(self, watched, method):
        self._watched = watched
        self._method = method

    def __getattr__(self, name):
        method = getattr(self._watched, name)
        if name != self._method:
            return method

        def call(*arguments):
            EVENTS.append(f"{name} begins")
            result = method(*arguments)
            EVENTS.append(f"{name} ends")
            return result

        return call


def watched_run(wanted, output_dir):
    EVENTS.clear()
    return WatchedRun(**vars(wanted.networks_run(output_dir)))


def test_results_are_written_while_the_networks_run(wanted, segment, tmp_path):
    segment(watched_run(wanted, tmp_path))
    assert EVENTS.count("record begins") == EVENTS.count("finish ends") == NUM_STREETS
    assert EVENTS[0] == "load"
    # Unless the steps are fused, all images go through the networks before the first is written.
    last = len(EVENTS) - EVENTS[::-1].index("record begins")
    assert "finish ends" in EVENTS[:last]


def test_threads_of_a_process_share_the_networks(wanted, segment, tmp_path):
    arguments = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    segment(watched_run(wanted, tmp_path), arguments)
    assert EVENTS.count("load") == 1 and EVENTS.count("finish ends") == NUM_STREETS
    wanted.assert_equal(tmp_path)


def test_only_what_is_missing_is_done(wanted, segment, done):
    first, second, third = (item.name for item in wanted.items[:3])
    os.remove(done / "predictions" / f"{first}.tfrecord")
    os.remove(done / "results" / f"{second}_pred.txt")
    record = done / "predictions" / f"{third}.tfrecord"
    record.write_bytes(record.read_bytes()[:-1])
    kept = wanted.items[3].name
    before = os.stat(done / "predictions" / f"{kept}.tfrecord").st_mtime_ns
    summary = segment(wanted.networks_run(done))
    assert (summary.predicted, summary.merged, summary.done_before) == (2, 3, 1)
    wanted.assert_equal(done)
    assert os.stat(done / "predictions" / f"{kept}.tfrecord").st_mtime_ns == before
    summary = segment(wanted.networks_run(done))
    assert (summary.predicted, summary.merged, summary.done_before) == (0, 0, NUM_STREETS)


@pytest.mark.parametrize("override", ["crop_size=97", "min_pixels=30"])
def test_another_run_in_the_same_folder_is_refused(wanted, segment, done, override):
    field, value = override.split("=")
    with pytest.raises(ValueError, match=rf"there `{field}` is \d+, not {value}"):
        segment(wanted.networks_run(done, override))
    wanted.assert_equal(done)


def test_estimated_zooms_are_those_of_the_plain_tools(wanted, segment, tmp_path):
    overrides = ["regions=false", "zoom=auto", "object_size=30", "first_zoom=1", "min_zoom=0.5"]
    run = wanted.networks_run(tmp_path / "beam", *overrides)
    segment(run)
    plain = dataclasses.replace(run, output_dir=str(tmp_path / "plain"))
    predictions_dir = os.path.join(plain.output_dir, "predictions")
    made_by = fingerprint.prediction_fingerprint(plain.config, *plain.network_dirs)
    merger = merge_runs.RecordMerger(made_by, plain.config, "graph_merge", plain.results_dir)
    prediction_runs.predict_images(
        wanted.items, plain.config, *plain.network_dirs, predictions_dir, merger=merger
    )
    for name in ("predictions", "results"):
        found = contents(tmp_path / "plain" / name)
        assert len(found) > NUM_STREETS and contents(tmp_path / "beam" / name) == found
    # A record keeps its zoom: it can be merged with other fields than it was estimated with.
    other = dataclasses.replace(plain.config, min_pixels=30)
    results_dir = str(tmp_path / "other")
    merged = merge_runs.merge_records(predictions_dir, other, "graph_merge", results_dir)
    assert merged == NUM_STREETS
    with pytest.raises(ValueError, match=r"there `zoomed_with\.min_pixels` is 20, not 30"):
        prediction_runs.predict_images(wanted.items, other, *plain.network_dirs, predictions_dir)


@pytest.fixture
def broken(wanted, tmp_path):
    """A data set with a broken image, one whose truth has another size, and one that changed."""
    shutil.copytree(wanted.streets, tmp_path / "broken")
    folder = tmp_path / "broken" / "leftImg8bit" / "val"
    paths = [folder / item.filename for item in wanted.items]
    paths[0].write_bytes(paths[0].read_bytes()[:200])
    shutil.copyfile(paths[3], paths[2])
    truth = wanted.items[1].truth_path.replace(wanted.streets, str(tmp_path / "broken"))
    with open(truth, "wb") as file:
        file.write(b"no picture")
    return str(tmp_path / "broken"), [str(paths[0]), truth, str(paths[2])]


def test_what_cannot_be_used_is_listed_and_the_others_are_judged(wanted, segment, done, broken):
    data_dir, files = broken
    shutil.rmtree(done / "predictions")
    shutil.rmtree(done / "results")
    (done / "predictions").mkdir()
    for name in ("fingerprint.json", *(f"{item.name}.tfrecord" for item in wanted.items[1:])):
        shutil.copy(os.path.join(wanted.folder, "predictions", name), done / "predictions")
    summary = segment(wanted.networks_run(done), input=data_dir, evaluate=True)
    assert (summary.predicted, summary.merged, summary.done_before) == (0, 2, 0)
    found = rejected(done)
    assert [entry["name"] for entry in found] == [item.name for item in wanted.items[:3]]
    assert [entry["file"] for entry in found] == files
    for entry, reason in zip(found, ("damaged or cut off", "", "is not of the image"), strict=True):
        assert reason in entry["reason"]
    results_dir = str(done / "results")
    assert summary.scores == metrics.main_scores(wanted.items[3:], results_dir, CITYSCAPES)
    # Nothing is wrong any more: the list goes, and all is as if nothing had ever been.
    summary = segment(wanted.networks_run(done))
    assert (summary.predicted, summary.merged, summary.done_before) == (1, 2, 2)
    assert not os.path.exists(done / "rejected.json")
    wanted.assert_equal(done)


def test_strict_stops_with_the_message_of_the_input(wanted, segment, done, tmp_path):
    path = tmp_path / "pictures" / f"{wanted.items[0].name}.png"
    path.parent.mkdir()
    with open(wanted.items[0].image_path, "rb") as file:
        path.write_bytes(file.read()[:200])
    os.remove(done / "predictions" / f"{wanted.items[0].name}.tfrecord")
    with pytest.raises(ValueError, match=r"^[^\n]*damaged or cut off, 200 bytes$") as error:
        segment(wanted.networks_run(done), input=str(path.parent), layout="images", strict=True)
    assert str(error.value).startswith(f"{path}: ")
    assert not os.path.exists(done / "rejected.json")


def test_records_of_a_data_set_are_the_same_images(wanted, segment, done, tmp_path):
    summary = tfrecords.write_tfrecords(wanted.items, CITYSCAPES, str(tmp_path), "val", 2)
    pattern = str(tmp_path / "val-*.tfrecord")
    result = segment(wanted.networks_run(done), input=pattern, layout="tfrecords", evaluate=True,
                     coco=True)  # fmt: skip
    assert (result.predicted, result.merged, result.done_before) == (0, 0, NUM_STREETS)
    results_dir = str(done / "results")
    assert result.scores == metrics.main_scores(wanted.items, results_dir, CITYSCAPES)
    paths = [str(tmp_path / f"instances{kind}.json") for kind in ("", "_results")]
    coco.write_coco(wanted.items, results_dir, CITYSCAPES, *paths)
    for path in paths:
        assert read(done / "coco" / os.path.basename(path)) == read(path)
    # A copy of a shard: every name twice. A damaged one: what is behind the damage is left out.
    shutil.copyfile(summary.paths[0], tmp_path / "val-copy.tfrecord")
    content = read(summary.paths[1])
    (tmp_path / "val-damaged.tfrecord").write_bytes(content[: len(content) // 2])
    result = segment(wanted.networks_run(done), input=pattern, layout="tfrecords")
    assert result.done_before == NUM_STREETS
    reasons = sorted(entry["reason"] for entry in rejected(done))
    assert sum("names of images must differ" in reason for reason in reasons) >= 2
    assert any(re.search(r"val-damaged.tfrecord#\d: the record is damaged", r) for r in reasons)


def test_pictures_that_match_a_pattern_have_no_truth(wanted, segment, done, tmp_path):
    for index, item in enumerate(wanted.items):
        (tmp_path / f"{index}").mkdir()
        shutil.copy(item.image_path, tmp_path / f"{index}" / f"{item.name}.png")
    pattern = str(tmp_path / "[0-9]" / "*.png")
    summary = segment(wanted.networks_run(done), input=pattern, layout="glob", coco=True)
    assert summary.done_before == NUM_STREETS
    assert json.loads(read(done / "coco" / "instances.json"))["annotations"] == []
    with pytest.raises(ValueError, match="`evaluate` needs the truth of the images"):
        segment(wanted.networks_run(done), input=pattern, layout="glob", evaluate=True)
    with pytest.raises(FileNotFoundError, match="`input` must match files: nowhere"):
        segment(wanted.networks_run(done), input="nowhere/*", layout="glob")
