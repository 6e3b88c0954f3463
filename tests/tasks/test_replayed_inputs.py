"""Crops of a training that replays images: how many are of them, from the first batches on."""

import numpy as np
import pytest
import tensorflow as tf
import training_records as records
from official.core import task_factory

from affinity_seg.dataloaders import fingerprints
from affinity_seg.tasks import training


def _params(folder, num_new, share):
    """Returns the experiment of `num_new` images of 0.png, 1.png ... and one of old.png."""
    records.write(folder / "new.tfrecord", count=num_new, height=64, width=64)
    blank = np.zeros((64, 64), np.uint16)
    with tf.io.TFRecordWriter(str(folder / "old.tfrecord")) as writer:
        writer.write(records.serialize(np.tile(blank[..., None], 3).astype(np.uint8), blank, "old"))
    config = records.write_config(folder / "config.yaml", folder / "new.tfrecord")
    override = (
        f"task.train_data.replayed_path={folder}/old.tfrecord,"
        f"task.train_data.replayed_share={share}"
    )
    return records.parse("semantic", config, override)


@pytest.mark.parametrize(("num_new", "share"), [(1, 0.5), (150, 0.5), (150, 0.2)])
def test_their_share_does_not_depend_on_how_many_there_are(tmp_path, num_new, share):
    params = _params(tmp_path, num_new, share)
    task = task_factory.get_task(params.task)
    batches = task.build_inputs(params.task.train_data).take(100)
    found = np.concatenate([batch["fingerprint"].numpy() for batch in batches])
    is_old = found == fingerprints.of(tf.constant("old")).numpy()
    for part in (is_old, is_old[:100]):  # Five standard deviations.
        assert abs(part.mean() - share) < 5 * np.sqrt(share * (1 - share) / part.size)
    assert len(set(found[~is_old])) > min(num_new, 50) - 1


def test_a_training_names_files_that_are_missing_or_damaged(tmp_path):
    params = _params(tmp_path, 2, 0.5)
    path = tmp_path / "old.tfrecord"
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    with pytest.raises(ValueError, match=rf"{path}: the file is damaged"):
        training.run(params, str(tmp_path / "model"), "train")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"must match TFRecord files: {path}"):
        training.run(params, str(tmp_path / "model"), "train")
