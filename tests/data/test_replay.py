"""Images of a model that a later training replays: which are found, and which are copied."""

import os
import pathlib
import shutil

import pytest
import tensorflow as tf
from running import ROOT

from affinity_seg.data import record_damage, replay

SHIPPED = pathlib.Path(ROOT, "models", "nuclei", replay.RECORDS)
ONE_SHARD = "00000-of-00001.tfrecord"


def _read(path):
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def _write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.fixture(scope="module")
def images():
    """The records of twenty images."""
    return _read(SHIPPED / f"train-{ONE_SHARD}")


@pytest.fixture
def model(images, tmp_path):
    """A model of images 0 to 4 that it was trained on, 5 and 6 that were replayed, 7 that tuned."""
    folder = tmp_path / "model [1]" / replay.RECORDS
    _write(folder / "train-00000-of-00002.tfrecord", images[:3])
    _write(folder / "train-00001-of-00002.tfrecord", images[3:5])
    _write(folder / f"replayed-{ONE_SHARD}", images[5:7])
    _write(folder / f"tuning-{ONE_SHARD}", images[7:8])
    return str(folder.parent)


def test_images_it_was_trained_on_and_images_that_were_replayed_are_found(model, tmp_path):
    assert replay.count(model) == 7
    assert replay.count(str(tmp_path)) == 0


@pytest.mark.parametrize(
    ("most", "wanted"),
    [(100, [0, 1, 2, 3, 4, 5, 6]), (6, [0, 1, 2, 3, 5, 6]), (3, [0, 2, 5]), (1, [0])],
)
def test_half_of_those_that_are_copied_were_replayed_before(images, model, tmp_path, most, wanted):
    assert replay.write(model, str(tmp_path / "other"), "replayed", most) == len(wanted)
    [path] = (tmp_path / "other" / replay.RECORDS).iterdir()
    assert path.name == f"replayed-{ONE_SHARD}"
    assert [images.index(record) for record in _read(path)] == wanted
    assert replay.count(str(tmp_path / "other")) == len(wanted)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "the file is damaged or cut off"),
        (lambda path: _write(path, [b"?"]), "cannot be replayed: it is no tf.train.Example"),
        (
            lambda path: _write(path, [tf.train.Example().SerializeToString()]),
            r"cannot be replayed: must hold .*; run `affinity_seg prepare` again",
        ),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_left(tmp_path, damage, message):
    shutil.copytree(SHIPPED, tmp_path / replay.RECORDS)
    path = tmp_path / replay.RECORDS / f"train-{ONE_SHARD}"
    damage(path)
    with pytest.raises(ValueError, match=rf"{path}: .*{message}"):
        replay.write(str(tmp_path), str(tmp_path / "other"), "replayed", 20)
    assert not any((tmp_path / "other").glob("*/*"))


def test_the_shipped_model_has_images_as_a_training_reads_them(images):
    assert replay.count(str(SHIPPED.parent)) == 20
    assert [record_damage.find_fault(record) for record in images] == [None] * 20
    assert os.path.getsize(SHIPPED / f"train-{ONE_SHARD}") < 1e6
