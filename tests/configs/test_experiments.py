"""Experiments: defaults of the paper, broken fields, misspelt overrides."""

import re

import flagfiles
import pytest
from official.core import exp_factory, train_utils
from official.modeling import optimization

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
        ("task.model.contrast_floor", 0.0),
        ("task.model.contrast_floor", 256.0),
        ("task.train_data.object_size", -1.0),
        ("task.train_data.min_zoom", 0.0),
        ("task.train_data.max_zoom", 0.1),
        ("task.train_data.microscope.share", 1.5),
        ("task.train_data.microscope.gamma", -1.0),
        ("task.train_data.microscope.background", 256.0),
        ("task.train_data.microscope.blur", -1.0),
        ("task.train_data.microscope.noise", -1.0),
        ("task.train_data.microscope.jpeg", 101),
        ("task.train_data.microscope.empty", 1.5),
        ("task.validation_data.photometric", 1.5),
        ("task.losses.sample_stride", 3),
        ("task.losses.l2_weight_decay", -1.0),
        ("task.losses.background_pair_weight", -0.5),
        ("task.losses.other_instance_pair_weight", -1.0),
        ("task.losses.hard_pair_share", 0.0),
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
        ("task.validation_data.drop_remainder", True),
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


COSINE = {"initial_learning_rate": 0.1, "decay_steps": 1000}
ENDS = [
    ("cosine", COSINE, 1000, "`decay_steps` 1000"),
    ("cosine", {**COSINE, "offset": 50}, 1050, "`decay_steps` 1000, `offset` 50"),
    ("polynomial", {**COSINE, "end_learning_rate": 0.0}, 1000, "`decay_steps` 1000"),
    (
        "power_linear",
        {"initial_learning_rate": 0.1, "total_decay_steps": 700, "offset": 5},
        705,
        "`total_decay_steps` 700, `offset` 5",
    ),
    (
        "step_cosine_with_offset",
        {"boundaries": [0, 300, 800], "values": [0.1, 0.05, 0.01]},
        800,
        "`boundaries` [0, 300, 800]",
    ),
    ("stepwise", {"boundaries": [300], "values": [0.1, 0.0]}, 301, "`boundaries` [300]"),
]
ENDLESS = [
    ("constant", {"learning_rate": 0.1}),
    ("exponential", {**COSINE, "decay_rate": 0.7}),
    ("cosine", {**COSINE, "alpha": 0.01}),
    ("polynomial", {**COSINE, "end_learning_rate": 0.001}),
    ("polynomial", {**COSINE, "end_learning_rate": 0.0, "cycle": True}),
    ("power", {"initial_learning_rate": 0.1}),
    ("power_linear", {"total_decay_steps": 9, "linear_decay_fraction": 0.0}),
    ("power_with_offset", {"initial_learning_rate": 0.1, "offset": 10}),
    ("stepwise", {"boundaries": [300], "values": [0.1, 0.01]}),
]


def scheduled(kind, fields, train_steps, **warmup):
    experiment = valid(experiments.AFFINITY)
    experiment.trainer.train_steps = train_steps
    config = {"learning_rate": {"type": kind, kind: fields}}
    if warmup:
        config["warmup"] = {"type": "linear", "linear": warmup}
    experiment.trainer.optimizer_config.override(config)
    return experiment


def rate(experiment, step):
    factory = optimization.OptimizerFactory(experiment.trainer.optimizer_config)
    return float(factory.build_learning_rate()(step))


@pytest.mark.parametrize("kind, fields, end, said", ENDS)
def test_no_step_is_trained_behind_the_end_of_the_schedule(kind, fields, end, said):
    last = scheduled(kind, fields, end)
    last.validate()
    assert rate(last, end - 1) > 0 and not rate(last, end) > 0
    message = (
        f"`trainer.train_steps` must be at most {end}, where the learning rate of "
        f"`trainer.optimizer_config.learning_rate.{kind}` ends ({said}): {end + 1};"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        scheduled(kind, fields, end + 1).validate()


@pytest.mark.parametrize("kind, fields", ENDLESS)
def test_a_schedule_without_end_takes_any_steps(kind, fields):
    scheduled(kind, fields, 10**6).validate()


def test_a_warmup_ends_before_the_schedule():
    scheduled("cosine", COSINE, 1000, warmup_steps=999).validate()
    with pytest.raises(
        ValueError, match=r"warmup.linear.warmup_steps` must be below 1000, .*1000$"
    ):
        scheduled("cosine", COSINE, 500, warmup_steps=1000).validate()


def test_a_finished_run_with_more_steps_names_both_fields(monkeypatch):
    monkeypatch.chdir(flagfiles.ROOT)
    decay = "trainer.optimizer_config.learning_rate.cosine.decay_steps"
    steps = flagfiles.parse("demo_joint").trainer.train_steps
    message = f"train_steps` must be at most {steps}, .*`decay_steps` {steps}.: {steps + 1};"
    with pytest.raises(ValueError, match=message):
        flagfiles.parse("demo_joint", f"trainer.train_steps={steps + 1}")
    both = flagfiles.parse("demo_joint", f"trainer.train_steps=9000,{decay}=9000")
    assert both.trainer.train_steps == 9000


@pytest.mark.parametrize(
    "name, value",
    [
        ("class_weights", [1.0, 2.0]),
        ("class_weights", [-1.0] * 9),
        ("hard_pixel_share", 0.0),
    ],
)
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replayed_share": 0.5}, "must be 0 without `replayed_path`, and above 0 .*: 0.5, ''"),
        ({"replayed_path": "x"}, "must be 0 without `replayed_path`, and above 0 .*: 0.0, 'x'"),
        ({"replayed_share": 1.0, "replayed_path": "x"}, r"must be in \[0, 1\): 1.0"),
    ],
)
def test_replayed_images_have_a_path_and_a_share(changes, message):
    experiment = valid(experiments.AFFINITY)
    experiment.task.train_data.override(changes)
    with pytest.raises(ValueError, match=f"`replayed_share` {message}"):
        experiment.validate()


def test_turned_crops_are_square():
    experiment = valid(experiments.AFFINITY)
    experiment.task.train_data.override({"crop_size": [64, 96], "random_turn": True})
    with pytest.raises(ValueError, match=r"`random_turn` needs a square `crop_size`: \[64, 96\]"):
        experiment.validate()


@pytest.mark.parametrize(
    "name, field",
    [
        (experiments.SEMANTIC, "hard_pixel_share"),
        (experiments.AFFINITY, "hard_pair_share"),
    ],
)
def test_hard_examples_cannot_be_compiled(name, field):
    params = valid(name)
    params.runtime.enable_xla = True
    params.validate()
    setattr(params.task.losses, field, 0.5)
    with pytest.raises(ValueError, match=rf"{field}` must be 1 with `runtime.enable_xla`.*: 0.5"):
        params.validate()
