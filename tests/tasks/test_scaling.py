"""The linear scaling rule for other batch sizes."""

import pytest
from official.core import exp_factory

from affinity_seg.configs import experiments
from affinity_seg.tasks import registry_imports  # noqa: F401
from affinity_seg.tasks.scaling import scale_to_batch


def _paper(batch_size):
    params = exp_factory.get_exp_config(experiments.AFFINITY)
    params.override(
        {
            "task": {
                "train_data": {"input_path": "train*", "global_batch_size": batch_size},
                "validation_data": {"input_path": "val*"},
            }
        }
    )
    return params


def test_rate_and_steps_change_together():
    params = _paper(64)
    lines = scale_to_batch(params, 16)
    rate = params.trainer.optimizer_config.learning_rate.exponential
    assert params.task.train_data.global_batch_size == 16
    assert rate.initial_learning_rate == 0.005 and rate.decay_steps == 60_000
    assert rate.decay_rate == 0.7 and rate.staircase
    assert params.trainer.train_steps == 480_000
    assert params.trainer.validation_interval == 20_000
    assert params.trainer.checkpoint_interval == 4_000
    assert lines[:2] == [
        "task.train_data.global_batch_size: 64 -> 16",
        "trainer.optimizer_config.learning_rate.exponential.initial_learning_rate: 0.02 -> 0.005",
    ]
    assert len(lines) == 6


def test_the_same_batch_changes_nothing():
    params, same = _paper(16), _paper(16)
    scale_to_batch(params, 16)
    assert params.as_dict() == same.as_dict()


def test_cosine_is_scaled_and_steps_stay_positive():
    params = _paper(4)
    params.override(
        {
            "trainer": {
                "train_steps": 30,
                "checkpoint_interval": 1,
                "optimizer_config": {
                    "learning_rate": {
                        "type": "cosine",
                        "cosine": {"initial_learning_rate": 0.1, "decay_steps": 30},
                    }
                },
            }
        }
    )
    scale_to_batch(params, 12)
    rate = params.trainer.optimizer_config.learning_rate.cosine
    assert (rate.initial_learning_rate, rate.decay_steps) == (pytest.approx(0.3), 10)
    assert (params.trainer.train_steps, params.trainer.checkpoint_interval) == (10, 1)


def test_warmup_and_offset_are_scaled():
    params = _paper(4)
    params.override(
        {
            "trainer": {
                "train_steps": 3000,
                "optimizer_config": {
                    "learning_rate": {
                        "type": "cosine",
                        "cosine": {
                            "initial_learning_rate": 0.1,
                            "decay_steps": 2000,
                            "offset": 1000,
                        },
                    },
                    "warmup": {
                        "type": "linear",
                        "linear": {"warmup_steps": 50, "warmup_learning_rate": 0.01},
                    },
                },
            }
        }
    )
    lines = scale_to_batch(params, 2)
    rates = params.trainer.optimizer_config
    assert (rates.learning_rate.cosine.decay_steps, rates.learning_rate.cosine.offset) == (
        4000,
        2000,
    )
    assert rates.warmup.linear.warmup_steps == 100
    assert rates.warmup.linear.warmup_learning_rate == pytest.approx(0.005)
    assert "trainer.optimizer_config.warmup.linear.warmup_steps: 50 -> 100" in lines
    assert len(lines) == 9


def test_a_batch_that_breaks_a_rule_is_refused():
    params = _paper(16)
    params.task.accumulated_batches = 4
    with pytest.raises(ValueError, match=r"`task.accumulated_batches` must divide"):
        scale_to_batch(params, 6)


def test_what_cannot_be_scaled_is_refused():
    with pytest.raises(ValueError, match="`--scale_to_batch` must be positive: 0"):
        scale_to_batch(_paper(16), 0)
    params = _paper(16)
    params.override(
        {
            "trainer": {
                "optimizer_config": {
                    "learning_rate": {"type": "constant", "constant": {"learning_rate": 0.1}}
                }
            }
        }
    )
    with pytest.raises(ValueError, match="exponential or cosine: constant"):
        scale_to_batch(params, 8)
