"""What tests of several rooms share."""

import pathlib

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # Before pytest-xdist reads the groups.
def pytest_collection_modifyitems(items):
    """Gives each test its group; `make test` runs the tests of a group in the same process.

    Tests with a fixture in common are a group, so that it is made once: those that use `trained`,
    and those of a folder with a conftest.py of its own. All others are grouped by file.
    """
    for item in items:
        if "trained" in item.fixturenames:
            group = "trained"
        elif (item.path.parent / "conftest.py").exists() and item.path.parent != HERE:
            group = item.path.parent.name
        else:
            group = str(item.path.relative_to(HERE))
        item.add_marker(pytest.mark.xdist_group(group))


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
