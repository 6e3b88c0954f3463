"""Checkpoints in half precision: what they hold, that networks load from them, what is refused."""

import contextlib
import pathlib
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from affinity_seg.modeling import half_precision, loading, network_folder


@pytest.fixture
def halved(trained, tmp_path):
    """A trained network whose latest checkpoint was cast to half precision: (whole, halved)."""
    _, whole = trained
    shutil.copytree(whole, tmp_path / "halved")
    half_precision.shrink(network_folder.latest_checkpoint(str(tmp_path / "halved")))
    return str(whole), str(tmp_path / "halved")


def test_kernels_come_back_rounded_and_the_others_as_they_were(halved):
    whole, half = (loading.load_network(folder) for folder in halved)
    for before, after in zip(whole.model.weights, half.model.weights, strict=True):
        assert before.dtype == after.dtype == tf.float32
        wanted = before.numpy().astype(np.float16) if before.shape.rank > 1 else before
        np.testing.assert_array_equal(after, wanted)
    assert not all(map(np.array_equal, whole.model.get_weights(), half.model.get_weights()))
    assert half.identity["sha256"] != whole.identity["sha256"]
    assert half.identity == network_folder.network_identity(halved[1])


def test_all_but_the_kernels_stay(halved):
    before, after = (tf.train.load_checkpoint(folder) for folder in halved)
    types = before.get_variable_to_dtype_map()
    assert {tf.float32, tf.int64, tf.string} <= set(types.values())
    for name, dtype in after.get_variable_to_dtype_map().items():
        wanted = before.get_tensor(name)
        if types[name] == tf.float32 and np.ndim(wanted) > 1:
            assert dtype == tf.float16
        else:
            assert dtype == types[name] and np.array_equal(after.get_tensor(name), wanted)


def test_single_precision_is_not_copied_and_a_copy_is_removed(halved):
    whole, half = map(network_folder.latest_checkpoint, halved)
    with half_precision.expanded(whole) as path:
        assert path == whole
    with half_precision.expanded(half) as path:
        assert path != half
        assert tf.float16 not in tf.train.load_checkpoint(path).get_variable_to_dtype_map().values()
    assert not pathlib.Path(path).parent.exists()


def test_a_copy_that_cannot_be_written_is_not_called_damage(halved, monkeypatch):
    folder = contextlib.nullcontext("/dev/null/folder")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda: folder)
    with pytest.raises(OSError, match=r"^/dev/null/folder: must be a folder that can be written"):
        loading.load_network(halved[1])
    loading.load_network(halved[0])


@pytest.mark.parametrize("value", [np.nan, -np.inf, 65520.0])
def test_what_does_not_fit_is_refused(tmp_path, value):
    path = tf.train.Checkpoint(a=tf.Variable([[1.0, value]])).write(str(tmp_path / "weights"))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=rf"weights: `a/\S+` must be finite .* {value}$"):
        half_precision.shrink(path)
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["cut off", "changed"])
def test_damage_is_named(halved, suffix, damage):
    checkpoint = network_folder.latest_checkpoint(halved[1])
    path = pathlib.Path(checkpoint + suffix)
    content = bytearray(path.read_bytes())
    if damage == "cut off":
        del content[len(content) // 2 :]
    else:
        for place in range(0, len(content), 100):
            content[place] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{checkpoint}: the checkpoint is damaged"):
        loading.load_network(halved[1])
