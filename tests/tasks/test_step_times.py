"""Times of training steps."""

import training_records as records

from affinity_seg.tasks import step_times


def test_steps_are_timed_and_nothing_is_written(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    before = sorted(path.name for path in tmp_path.iterdir())
    built = step_times.build(records.parse("joint", config))
    times = step_times.measure(built, 3)
    assert 0 <= times.waiting < times.total
    assert built.replicas == 1 and times.last["image"].shape == (2, 64, 64, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
