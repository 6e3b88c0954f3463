"""Experiments: defaults of the paper, broken fields, misspelt overrides."""

import pytest
from official.core import exp_factory, train_utils

from affinity_seg.configs import experiments
from affinity_seg.tasks import registry_imports  # noqa: F401

NAMES = (experiments.SEMANTIC, experiments.AFFINITY)


def parse(name, override):
    options = train_utils.ParseConfigOptions(
        experiment=name, config_file=[], params_override=override
    )
    return train_utils.parse_configuration(options, lock_return=False, print_return=False)


def valid(name):
    experiment = exp_factory.get_exp_config(name)
    experiment.task.train_data.input_path = "train*"
    experiment.task.validation_data.input_path = "val*"
    experiment.task.validation_data.global_batch_size = 1
    experiment.validate()
    return experiment


def test_defaults_are_the_papers():
    task = valid(experiments.AFFINITY).task
    assert task.distances == [1, 2, 4, 8, 16, 32, 64]
    assert task.train_data.crop_size == [513, 513]
    assert task.train_data.global_batch_size == 16
    assert task.losses.l2_weight_decay == 1e-4
    assert task.losses.background_pair_weight == 1.0
    assert task.model.backbone.resnet_v1.dimensions() == ([3, 4, 23, 3], 64, 64)
    assert task.model.output_stride == 16
    assert valid(experiments.AFFINITY).trainer.train_steps == 120_000
    assert valid(experiments.SEMANTIC).trainer.train_steps == 100_000


@pytest.mark.parametrize(
    "field, value",
    [
        ("task.train_data.input_path", ""),
        ("task.train_data.global_batch_size", 0),
        ("task.train_data.crop_size", [513]),
        ("task.train_data.scale_min", 2.0),
        ("task.model.contrast_percentiles", [1.0]),
        ("task.model.contrast_percentiles", [5.0, 5.0]),
        ("task.model.contrast_percentiles", [5.0, 101.0]),
        ("task.validation_data.photometric", 1.5),
        ("task.losses.sample_stride", 3),
        ("task.losses.l2_weight_decay", -1.0),
        ("task.losses.background_pair_weight", -0.5),
        ("task.losses.other_instance_pair_weight", -1.0),
        ("task.losses.top_k_percent_pairs", 0.0),
        ("task.losses.class_weights", [1.0, 2.0]),
        ("task.losses.class_weights", [-1.0] * 9),
        ("task.accumulated_batches", 0),
        ("task.accumulated_batches", 3),
        ("task.distances", [4, 2]),
        ("task.distances", []),
        ("task.model.pixel_scale", 0.0),
        ("task.model.pixel_mean", [1.0]),
        ("task.model.aspp.rates", []),
        ("task.model.aspp.filters", 0),
        ("task.model.backbone.type", "resnet"),
        ("task.model.backbone.resnet_v1.preset", "huge"),
        ("task.model.backbone.resnet_v1.units", [1, 2]),
        ("task.model.backbone.resnet_v1.width", 0),
        ("task.model.backbone.resnet_v1.stem_filters", 0),
        ("task.model.backbone.resnet_v1.output_stride", 12),
        ("task.model.backbone.resnet_v1.multi_grid", [1, 2]),
        ("trainer.train_steps", 0),
    ],
)
def test_a_broken_field_is_named(field, value):
    experiment = valid(experiments.AFFINITY)
    *path, name = field.split(".")
    config = experiment
    for key in path:
        config = getattr(config, key)
    setattr(config, name, value)
    with pytest.raises(ValueError, match=name):
        experiment.validate()


@pytest.mark.parametrize("name, value", [("class_weights", [1.0]), ("top_k_percent_pixels", 0.0)])
def test_a_broken_semantic_loss_is_named(name, value):
    experiment = valid(experiments.SEMANTIC)
    setattr(experiment.task.losses, name, value)
    with pytest.raises(ValueError, match=name):
        experiment.validate()


def test_a_missing_class_table_is_named():
    experiment = valid(experiments.SEMANTIC)
    experiment.task.class_table = "nowhere.yaml"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        experiment.validate()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "override", ["task.losses.l2_weight_decai=0.1", "task.modle.pixel_scale=2"]
)
def test_a_misspelt_override_fails(name, override):
    with pytest.raises(KeyError, match="does not exist"):
        parse(name, override)


def test_turned_crops_are_square():
    experiment = valid(experiments.AFFINITY)
    experiment.task.train_data.override({"crop_size": [64, 96], "random_turn": True})
    with pytest.raises(ValueError, match=r"`random_turn` needs a square `crop_size`: \[64, 96\]"):
        experiment.validate()
