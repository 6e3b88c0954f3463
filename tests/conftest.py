"""What tests of several rooms share."""

import pytest


@pytest.fixture(scope="session", params=["semantic", "affinity"])
def trained(request, tmp_path_factory):
    """A network of each kind after two steps and an evaluation: (kind, model_dir)."""
    import training_records as records  # Late: it takes seconds and many tests do without.

    from affinity_seg.tasks import training

    folder = tmp_path_factory.mktemp(request.param)
    records.write(folder / "train.tfrecord")
    config = records.write_config(folder / "config.yaml", folder / "train.tfrecord")
    model_dir = folder / "model"
    training.run(records.parse(request.param, config), str(model_dir), "train_and_eval")
    return request.param, model_dir
