"""Every flagfile: parses, breaks where a field is broken, and the paper's runs are the paper's."""

import decimal
import pathlib

import flagfiles
import numpy as np
import pytest
import tensorflow as tf
from official.core import input_reader
from official.modeling import optimization
from running import run_verb

from affinity_seg import class_tables
from affinity_seg.configs import experiments
from affinity_seg.tasks import (
    registry_imports,  # noqa: F401
    scaling,
)

PAPER = {
    "cityscapes_semantic_1": (100_000, "0.02"),
    "cityscapes_semantic_2": (100_000, "0.02"),
    "cityscapes_semantic_3": (100_000, "0.02"),
    "cityscapes_semantic_stride_8": (30_000, "0.002"),
    "cityscapes_affinity": (120_000, "0.02"),
    "cityscapes_affinity_stride_8": (30_000, "0.002"),
}
"""Steps and first learning rate of each run."""


@pytest.fixture(autouse=True)
def root(monkeypatch):
    monkeypatch.chdir(flagfiles.ROOT)


def test_every_run_has_its_flagfile():
    others = {f"{data}_joint" for data in ("cityscapes", "demo", "nuclei")}
    others |= {f"{data}_{kind}" for data in ("demo", "nuclei") for kind in ("semantic", "affinity")}
    assert others | set(PAPER) <= set(flagfiles.TRAINING)


@pytest.mark.parametrize("name", flagfiles.TRAINING)
def test_parses_and_is_documented(name):
    values = flagfiles.read(name)
    (kind,) = (kind for kind in experiments.KINDS.values() if kind in name.split("_"))
    assert values.experiment == f"affinity_seg_{kind}"
    assert flagfiles.parse(name, "trainer.max_to_keep=7").trainer.max_to_keep == 7
    assert flagfiles.model_dir(name).startswith("runs/")
    for path in values.config_file:
        assert pathlib.Path(path).read_text().startswith("# ")


@pytest.mark.parametrize("name", flagfiles.TRAINING)
@pytest.mark.parametrize(
    "field, value",
    [
        ("task.train_data.input_path", ""),
        ("task.train_data.crop_size", [513]),
        ("task.validation_data.global_batch_size", 0),
        ("task.init_checkpoint_modules", ["neck"]),
        ("task.model.backbone.resnet_v1.output_stride", 12),
        ("task.losses.l2_weight_decay", -1.0),
        ("trainer.train_steps", 0),
    ],
)
def test_a_broken_field_is_named(name, field, value):
    params = flagfiles.parse(name)
    params.validate()
    *path, last = field.split(".")
    config = params
    for key in path:
        config = getattr(config, key)
    setattr(config, last, value)
    with pytest.raises(ValueError, match=last):
        params.validate()


@pytest.mark.parametrize("name", flagfiles.TRAINING)
@pytest.mark.parametrize(
    "override", ["task.freeze_batchnorm=true", "trainer.optimizer_config.lerning_rate.type=cosine"]
)
def test_a_misspelt_override_fails(name, override):
    with pytest.raises(KeyError, match="does not exist"):
        flagfiles.parse(name, override)


@pytest.mark.parametrize("name", PAPER)
def test_the_learning_rate_is_the_papers_to_the_last_digit(name):
    """At every step the float32 nearest to the exact product, on the device as in Python."""
    train_steps, first = PAPER[name]
    params = flagfiles.parse(name)
    assert params.trainer.train_steps == train_steps
    factory = optimization.OptimizerFactory(params.trainer.optimizer_config)
    rate = factory.build_learning_rate()
    traced = tf.function(rate, input_signature=[tf.TensorSpec([], tf.int64)])
    for step in (0, 14_999, 15_000, 29_999, 30_000, 99_999, 119_999):
        exact = decimal.Decimal(first) * decimal.Decimal("0.7") ** (step // 15_000)
        assert rate(step).dtype == tf.float32
        assert rate(step).numpy() == traced(step).numpy() == np.float32(str(exact))
    optimizer = factory.build_optimizer(rate)
    assert optimizer.get_config()["name"] == "SGD"
    assert optimizer.get_config()["momentum"] == 0.9
    assert not optimizer.get_config()["nesterov"]
    variable = tf.Variable(1.0)
    optimizer.iterations.assign(15_000)
    optimizer.apply_gradients([(tf.constant(1.0), variable)])
    assert variable.numpy() == np.float32(1) - np.float32(str(decimal.Decimal(first) * 7 / 10))


def test_a_rate_that_is_no_staircase_and_starts_later():
    config = {"type": "exponential", "exponential": {"offset": 10, "decay_steps": 4}}
    config["exponential"] |= {"initial_learning_rate": 0.5, "decay_rate": 0.25}
    rate = optimization.OptimizerFactory(
        optimization.OptimizationConfig(
            {"learning_rate": config, "optimizer": {"type": "sgd"}},
        )
    ).build_learning_rate()
    assert [rate(step).numpy() for step in (10, 12, 14)] == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("name", PAPER)
def test_network_and_crops_are_the_papers(name):
    task = flagfiles.parse(name).task
    assert task.model.backbone.type == "resnet_v1"
    assert task.model.backbone.resnet_v1.dimensions() == ([3, 4, 23, 3], 64, 64)
    assert task.model.backbone.resnet_v1.multi_grid == [1, 2, 4]
    stride = 8 if name.endswith("stride_8") else 16
    assert task.model.output_stride == stride
    assert task.model.aspp.scaled_rates(stride) == [96 // stride, 192 // stride, 288 // stride]
    assert task.model.aspp.filters == 256
    assert task.losses.l2_weight_decay == 1e-4
    assert task.losses.sample_stride == 1
    data = task.train_data
    assert (data.global_batch_size, data.crop_size) == (64, [513, 513])
    assert (data.scale_min, data.scale_max, data.random_flip) == (1, 1, True)
    assert (data.object_crops, data.photometric) == (0, 0)
    assert task.freeze_batch_norm == (stride == 8)
    classes = 19 if name == "cityscapes_semantic_1" else 9
    assert class_tables.load_class_table(task.class_table).num_classes == classes
    if "affinity" in name:
        assert task.distances == [1, 2, 4, 8, 16, 32, 64]
        assert task.losses.background_pair_weight == 1


@pytest.mark.parametrize(
    "name, start, modules",
    [
        ("cityscapes_semantic_1", "runs/imported/imagenet", ["backbone"]),
        ("cityscapes_semantic_2", "cityscapes_semantic_1", ["backbone", "decoder"]),
        ("cityscapes_semantic_3", "cityscapes_semantic_2", list(experiments.MODULES)),
        ("cityscapes_semantic_stride_8", "cityscapes_semantic_3", list(experiments.MODULES)),
        ("cityscapes_affinity", "runs/imported/imagenet", ["backbone"]),
        ("cityscapes_affinity_stride_8", "cityscapes_affinity", list(experiments.MODULES)),
    ],
)
def test_each_run_starts_where_the_one_before_ends(name, start, modules):
    task = flagfiles.parse(name).task
    wanted = start if start.startswith("runs/") else flagfiles.model_dir(start)
    assert (task.init_checkpoint, task.init_checkpoint_modules) == (wanted, modules)


@pytest.mark.parametrize(
    "name, mix",
    [
        ("cityscapes_semantic_1", {"fine": 1, "coarse": 1}),
        ("cityscapes_semantic_2", {"fine_patches": 2, "coarse_patches": 1}),
        ("cityscapes_semantic_3", {"fine": 3, "coarse_patches": 1}),
        ("cityscapes_semantic_stride_8", {"fine": 3, "coarse_patches": 1}),
        ("cityscapes_affinity", {"fine_patches": 1}),
        ("cityscapes_affinity_stride_8", {"fine_patches": 1}),
    ],
)
def test_the_mix_of_training_sets(name, mix, tmp_path, monkeypatch):
    """Model Garden's reader gets the files of a set as often as the paper has the set."""
    patterns = flagfiles.parse(name).task.train_data.input_path
    monkeypatch.chdir(tmp_path)
    folder = pathlib.Path("data_sets/cityscapes/training_sets")
    folder.mkdir(parents=True)
    for stem in ("fine", "coarse", "fine_patches", "coarse_patches"):
        (folder / f"{stem}-00000-of-00001.tfrecord").touch()
    found = [pathlib.Path(path).name for path in input_reader.match_files(patterns)]
    assert sorted(found) == sorted(
        f"{stem}-00000-of-00001.tfrecord" for stem, times in mix.items() for _ in range(times)
    )


@pytest.mark.parametrize("name", PAPER)
def test_one_gpu_has_a_quarter_of_the_rate_and_four_times_the_steps(name):
    train_steps, first = PAPER[name]
    params = flagfiles.parse(name)
    scaling.scale_to_batch(params, 16)
    factory = optimization.OptimizerFactory(params.trainer.optimizer_config)
    rate = factory.build_learning_rate()
    assert params.task.train_data.global_batch_size == 16
    assert params.trainer.train_steps == 4 * train_steps
    for step in (0, 59_999, 60_000, 399_999):
        exact = decimal.Decimal(first) / 4 * decimal.Decimal("0.7") ** (step // 60_000)
        assert rate(step).numpy() == np.float32(str(exact))
    params.validate()


def test_train_prints_what_scaling_changed():
    result = run_verb(
        "train",
        flagfiles.ROOT,
        "--flagfile=tools/flagfiles/cityscapes_semantic_1.flags",
        "--model=runs/never",
        "--scale_to_batch=16",
        "--params_override=task.train_data.input_path=nowhere-*",
    )
    assert result.returncode == 1 and "nowhere-*" in result.stderr
    where = "trainer.optimizer_config.learning_rate.exponential"
    assert result.stdout.splitlines() == [
        "task.train_data.global_batch_size: 64 -> 16",
        f"{where}.initial_learning_rate: 0.02 -> 0.005",
        f"{where}.decay_steps: 15000 -> 60000",
        "trainer.train_steps: 100000 -> 400000",
        "trainer.checkpoint_interval: 1000 -> 4000",
        "trainer.validation_interval: 5000 -> 20000",
    ]
