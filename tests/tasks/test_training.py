"""Training on a few drawn images: steps, summaries, the best checkpoint, seeds, what is refused."""

import types

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_warnings
import training_records as records
import yaml
from official.core import task_factory
from training_records import KINDS, parse

from affinity_seg.modeling import loading, network_folder
from affinity_seg.tasks import training


def summaries(folder):
    """Returns {tag: kinds of its summaries} of all event files in `folder`."""
    tags = {}
    for path in folder.glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                tags[value.tag] = value.metadata.plugin_data.plugin_name
    return tags


def test_writes_checkpoints_params_and_summaries(trained):
    kind, model_dir = trained
    assert tf.train.latest_checkpoint(str(model_dir)).endswith("ckpt-2")
    params = yaml.safe_load((model_dir / "params.yaml").read_text())
    assert params["task"]["name"] == KINDS[kind]
    assert summaries(model_dir / "train")["training_loss"] == "scalars"
    tags = summaries(model_dir / "validation")
    expected = {
        "semantic": {
            "input": "images",
            "classes_truth": "images",
            "classes_prediction": "images",
            "mean_iou": "scalars",
            "iou/car": "scalars",
        },
        "affinity": {
            "input": "images",
            "affinity_truth": "images",
            "affinity_prediction": "images",
            "accuracy": "scalars",
            "average_precision": "scalars",
            "recall": "scalars",
            "recall/64": "scalars",
            "pair_loss/1": "scalars",
        },
    }
    expected["joint"] = {**expected["semantic"], **expected["affinity"]}
    assert expected[kind].items() <= tags.items()


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "adam_experimental"])
def test_a_finished_run_started_again_warns_of_nothing(tmp_path, optimizer):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=1
    )
    override = f"task.distances=[1,8],trainer.optimizer_config.optimizer.type={optimizer}"
    model_dir = str(tmp_path / "model")
    training.run(parse("affinity", config, override), model_dir, "train")
    before = {path: path.read_bytes() for path in (tmp_path / "model").glob("ckpt*")}
    with tensorflow_warnings.recorded() as messages:
        for mode in ("train", "eval"):
            training.run(parse("affinity", config, override), model_dir, mode)
    # TensorFlow also warns of the number of graphs that the tests of a process make.
    assert [m for m in messages if "triggered tf.function retracing" not in m] == []
    assert before == {path: path.read_bytes() for path in (tmp_path / "model").glob("ckpt*")}


def test_the_best_checkpoint_is_kept_and_loads(trained):
    kind, model_dir = trained
    info = yaml.safe_load((model_dir / "best" / "info.json").read_text())
    metric = "mean_iou" if kind == "semantic" else "average_precision"
    assert metric in str(info)
    best, last = (loading.load_network(str(folder)) for folder in (model_dir / "best", model_dir))
    assert (best.kind, best.num_outputs) == (last.kind, last.num_outputs)
    identities = [network_folder.network_identity(str(f)) for f in (model_dir / "best", model_dir)]
    assert identities[0] != identities[1]
    # There was one validation, after the last step.
    for ours, theirs in zip(best.model.get_weights(), last.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    "override, field",
    [
        ("task.model.aspp.filters=16", "task.model"),
        ("task.class_table=configs/class_tables/nuclei.yaml", "class table"),
        (None, "task.name"),
    ],
)
def test_the_folder_of_another_network_is_refused(trained, override, field, mode):
    kind, model_dir = trained
    config = model_dir.parent / "config.yaml"
    before = {path: path.read_bytes() for path in model_dir.glob("*.yaml")}
    other = next(k for k in KINDS if k != kind)
    params = parse(kind if override else other, config, override or "")
    with pytest.raises(ValueError, match=f"another network.*`{field}`"):
        training.run(params, str(model_dir), mode)
    assert before == {path: path.read_bytes() for path in model_dir.glob("*.yaml")}


def test_starts_from_backbone_and_decoder_of_the_other_network(trained, tmp_path):
    kind, model_dir = trained
    other = next(k for k in KINDS if k != kind)
    override = f"task.init_checkpoint={model_dir}"
    params = parse(other, model_dir.parent / "config.yaml", override)
    task = task_factory.get_task(params.task)
    model = task.build_model()
    with pytest.raises(ValueError, match=r"ckpt-2: .*has 'head'.*channels there"):
        task.initialize(model)
    task.task_config.init_checkpoint_modules = ["backbone", "decoder"]
    task.initialize(model)
    trained_model = loading.load_network(str(model_dir)).model
    for part in ("backbone", "decoder"):
        for ours, theirs in zip(
            getattr(model, part).get_weights(),
            getattr(trained_model, part).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
    task.task_config.init_checkpoint = str(tmp_path)
    with pytest.raises(FileNotFoundError, match="checkpoint"):
        task.initialize(model)


def test_frozen_batch_norm_stays_while_kernels_are_trained(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    training.run(parse("affinity", config), str(tmp_path / "first"), "train")
    frozen = f"task.init_checkpoint={tmp_path}/first,task.freeze_batch_norm=true"
    training.run(parse("affinity", config, frozen), str(tmp_path / "second"), "train")
    first, second = (loading.load_network(str(tmp_path / n)).model for n in ("first", "second"))
    for ours, theirs in zip(second.weights, first.weights, strict=True):
        is_same = np.array_equal(ours, theirs)
        assert is_same != ("kernel" in ours.name or "bias" in ours.name), ours.name


def test_a_loss_that_is_not_finite_names_step_and_images(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(
        tmp_path / "config.yaml",
        tmp_path / "train.tfrecord",
        train_steps=50,
        checkpoint_interval=50,
    )
    rate = "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate=1e30"
    message = r"the loss of step [23] is (nan|inf); images of its batch: [0-3]\.png, [0-3]\.png$"
    with pytest.raises(ValueError, match=message):
        training.run(parse("affinity", config, rate), str(tmp_path / "model"), "train")
    saved = loading.load_network(str(tmp_path / "model"))  # Model Garden saves the first step.
    assert all(np.isfinite(weight).all() for weight in saved.model.get_weights())


def test_a_loss_that_grows_too_large_is_one_message(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    bounds = "trainer.loss_upper_bound=0.0001,trainer.recovery_max_trials=0"
    message = r"model: the training diverged, so `learning_rate` must be lower: The loss value is "
    with pytest.raises(ValueError, match=message):
        training.run(parse("semantic", config, bounds), str(tmp_path / "model"), "train")


@pytest.mark.parametrize("mode, name", [("train", "train_data"), ("eval", "validation_data")])
def test_a_batch_that_the_replicas_cannot_share_is_named(tmp_path, mode, name):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    params = parse("semantic", config, f"task.{name}.global_batch_size=3")
    strategy = types.SimpleNamespace(num_replicas_in_sync=2)
    message = rf"`task.{name}.global_batch_size` must be a multiple of the 2 GPUs .*: 3$"
    with pytest.raises(ValueError, match=message):
        training.run(params, str(tmp_path / "model"), mode, strategy=strategy)


def test_float16_takes_no_moving_average(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    ema = "trainer.optimizer_config.ema"
    values = f"{ema}.average_decay=0.9,{ema}.trainable_weights_only=false"
    with pytest.raises(ValueError, match=r"`runtime.mixed_precision_dtype` must not be float16"):
        parse("semantic", config, f"{values},runtime.mixed_precision_dtype=float16")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    rate = "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate=.inf"
    with pytest.raises(ValueError, match=r"the weights of step 1 are not saved: .* is not finite"):
        training.run(parse("semantic", config, rate), str(tmp_path / "model"), "train")
    assert tf.train.latest_checkpoint(str(tmp_path / "model")) is None


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_trains_in_mixed_precision(tmp_path, dtype, policy_restored):
    records.write(tmp_path / "train.tfrecord")
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    params = parse("affinity", config, f"runtime.mixed_precision_dtype={dtype}")
    training.run(params, str(tmp_path / "model"), "train")
    weights = loading.load_network(str(tmp_path / "model")).model.weights
    assert {weight.dtype for weight in weights} == {tf.float32}
    assert all(np.isfinite(weight.numpy()).all() for weight in weights)


def test_class_table_travels_with_the_model(tmp_path):
    records.write(tmp_path / "train.tfrecord", cityscapes=False)
    config = records.write_config(tmp_path / "config.yaml", tmp_path / "train.tfrecord")
    (tmp_path / "cells.yaml").write_text(
        "{name: cells, class_names: [background, cell], label_ids: [1], encoding: ids}"
    )
    override = f"task.class_table={tmp_path}/cells.yaml,task.losses.class_weights=[1.0,2.0]"
    params = parse("semantic", config, override)
    training.run(params, str(tmp_path / "model"), "train")
    (tmp_path / "cells.yaml").unlink()
    network = loading.load_network(str(tmp_path / "model"))
    assert network.class_table.class_names == ("background", "cell")
    assert network.class_table.encoding == "ids"
    assert network.num_outputs == 2


def test_same_seed_same_weights(tmp_path):
    records.write(tmp_path / "train.tfrecord", count=6)
    config = records.write_config(
        tmp_path / "config.yaml", tmp_path / "train.tfrecord", train_steps=1
    )
    weights = []
    for run, seed in enumerate((5, 5, 6)):
        model_dir = str(tmp_path / str(run))
        params = parse("affinity", config, "task.distances=[1,8]")
        training.run(params, model_dir, "train", seed=seed)
        weights.append(loading.load_network(model_dir).model.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-4, atol=1e-6)
    assert np.abs(weights[0] - weights[2]).max() > 1e-2
