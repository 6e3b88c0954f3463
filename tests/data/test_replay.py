"""Images of a model that a later training replays: which are found and copied, how often read."""

import os
import pathlib
import shutil

import pytest
import tensorflow as tf
from running import ROOT

from affinity_seg.data import record_damage, replay


def _write(path, *records):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def _read(path):
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


@pytest.fixture
def model(tmp_path):
    """A model of five images that it was trained on, two that were replayed, one that tuned."""
    folder = tmp_path / "model" / replay.RECORDS
    _write(folder / "train-00000-of-00002.tfrecord", b"a", b"c", b"e")
    _write(folder / "train-00001-of-00002.tfrecord", b"b", b"d")
    _write(folder / "replayed-00000-of-00001.tfrecord", b"x", b"y")
    _write(folder / "tuning-00000-of-00001.tfrecord", b"no")
    return str(tmp_path / "model")


def test_images_it_was_trained_on_and_images_that_were_replayed_are_found(model, tmp_path):
    assert replay.count(model) == 7
    assert replay.count(str(tmp_path)) == 0


@pytest.mark.parametrize(("most", "wanted"), [(100, b"acebdxy"), (3, b"aed"), (1, b"a")])
def test_some_are_copied_spread_over_all(model, tmp_path, most, wanted):
    assert replay.write(model, str(tmp_path / "other"), "replayed", most) == len(wanted)
    [path] = (tmp_path / "other" / replay.RECORDS).iterdir()
    assert path.name == "replayed-00000-of-00001.tfrecord"
    assert b"".join(_read(path)) == wanted
    assert replay.count(str(tmp_path / "other")) == len(wanted)


def test_a_damaged_file_is_named_and_nothing_is_left(tmp_path):
    shutil.copytree(os.path.join(ROOT, "models", "nuclei", replay.RECORDS), tmp_path / "tfrecords")
    [path] = (tmp_path / "tfrecords").iterdir()
    assert replay.count(str(tmp_path)) == 20
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ValueError, match=rf"{path}: the file is damaged"):
        replay.write(str(tmp_path), str(tmp_path / "other"), "replayed", 3)
    assert not (tmp_path / "other").exists()


def test_the_records_of_the_shipped_model_have_what_a_training_reads():
    [path] = pathlib.Path(ROOT, "models", "nuclei", replay.RECORDS).iterdir()
    assert [record_damage.missing_features(record) for record in _read(path)] == [[]] * 20


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("num_new", [1, 5, 20, 200])
@pytest.mark.parametrize("num_replayed", [1, 20, 50])
def test_passes_give_the_share_that_is_wanted(num_new, num_replayed, share):
    new, replayed = replay.passes(num_new, num_replayed, share)
    assert min(new, replayed) == 1
    found = replayed * num_replayed / (new * num_new + replayed * num_replayed)
    # The number of passes is whole: it is wrong by a third at most, where it is 1 or 2.
    assert abs(found / (1 - found) / (share / (1 - share)) - 1) <= 0.5
