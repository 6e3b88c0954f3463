"""What tests of several modules share."""

import gc
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives the processes of `make test` whole groups of tests, in the order of the folders.

    A group is a folder with a conftest.py of its own, whose fixtures are thus made once, elsewhere
    a file.
    """
    from xdist.scheduler import LoadScopeScheduling  # Late: most runs have one process only.

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = HERE.parent / nodeid.partition("::")[0]
            has_fixtures = path.parent != HERE and (path.parent / "conftest.py").exists()
            return str(path.parent if has_fixtures else path)

    config.option.loadscopereorder = False
    return Groups(config, log)


@pytest.fixture(scope="module", autouse=True)
def _collected_once():
    """Spares the garbage collector what TensorFlow keeps of the tests before.

    It keeps the graph of nearly every function. In a process that has run a thousand tests, going
    through all of them again and again takes up to half of the time.
    """
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _default_precision():
    """Trainings set the precision in which Keras computes: not for the tests of other files."""
    yield
    if "tf_keras" in sys.modules:
        sys.modules["tf_keras"].mixed_precision.set_global_policy("float32")


@pytest.fixture
def policy_restored():
    """Tests may change the precision in which Keras computes."""
    import tf_keras  # Late: it takes seconds and many tests do without.

    before = tf_keras.mixed_precision.global_policy()
    yield
    tf_keras.mixed_precision.set_global_policy(before)


@pytest.fixture
def double_precision(policy_restored):
    """Networks that are built in the test compute in float64.

    For tests that compare trainings which differ by rounding alone. In float32 the difference grows
    from step to step, and by how much depends on the processor.
    """
    import tf_keras

    tf_keras.mixed_precision.set_global_policy("float64")


@pytest.fixture(scope="session", params=["semantic", "affinity", "joint"])
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
