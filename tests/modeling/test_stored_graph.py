"""Stored graphs give the bits of the network that Keras builds; damage to them is named."""

import gzip
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
from running import ROOT, run_python
from tensorflow.core.protobuf import saved_model_pb2

from affinity_seg.modeling import loading, stored_graph

SHIPPED = os.path.join(ROOT, "models", "nuclei", "joint")


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped network."""
    return shutil.copytree(SHIPPED, tmp_path / "joint")


def test_the_shipped_graphs_give_the_bits_of_the_network_that_keras_builds():
    stored, built = stored_graph.load_network(SHIPPED), loading.load_network(SHIPPED)
    assert isinstance(stored, stored_graph.StoredNetwork)
    assert (stored.traits, stored.class_table) == (built.traits, built.class_table)
    assert stored.identity == built.identity and len(stored.variables) == len(built.variables)
    images = np.random.default_rng(0).integers(0, 256, (2, 75, 106, 3), np.uint8)
    for head in (None, "semantic", "affinity"):
        answers = []
        for network in (stored, built):
            one = network if head is None else network.part(head)
            normalized = one.normalize(tf.constant(images))
            encoded, total = one.encode(normalized, tf.constant([0, 1, 4, 5]))
            logits = one.logits(normalized)
            assert logits.shape == (2, 38, 53, one.num_outputs) and logits.numpy().std() > 0
            answers.append([logits, *encoded, total, one.decode(encoded, total / 16)])
        for ours, theirs in zip(*answers, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_other_settings_are_built_with_keras(folder):
    same = stored_graph.load_network(str(folder), output_stride=16)
    assert isinstance(same, stored_graph.StoredNetwork)
    for more in ({"output_stride": 32}, {"precision": "mixed_bfloat16"}):
        network = stored_graph.load_network(str(folder), **more)
        assert isinstance(network, loading.KerasNetwork)
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("contrast_floor: 10.0", "contrast_floor: 12.0"))
    network = stored_graph.load_network(str(folder))
    assert isinstance(network, loading.KerasNetwork) and network.traits.contrast_floor == 12


def test_a_graph_with_another_operation_is_refused(folder):
    path = folder / stored_graph.FILE
    stored = saved_model_pb2.SavedModel.FromString(gzip.decompress(path.read_bytes()))
    stored.meta_graphs[0].graph_def.node.add(name="evil", op="ReadFile", input=["evil:0"])
    path.write_bytes(gzip.compress(stored.SerializeToString()))
    with pytest.raises(ValueError, match=r"graph\.pb\.gz: must have no .* \['ReadFile'\]"):
        stored_graph.load_network(str(folder))


def test_damage_is_named(folder):
    path = folder / stored_graph.FILE
    whole = path.read_bytes()
    no_message = gzip.compress(b"\xff" * 99)
    too_large = gzip.compress(bytes(2**26 + 1))
    for content in (whole[:1000], b"", b"text", no_message, gzip.compress(b""), too_large):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"graph\.pb\.gz: the file is damaged: "):
            stored_graph.load_network(str(folder))
    path.write_bytes(whole)
    weights = folder / "ckpt-1.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"ckpt-1: the checkpoint is damaged or has not"):
        stored_graph.load_network(str(folder))


_SEGMENT = """
import sys
from affinity_seg import verbs
verbs.run("segment", sys.argv[1:])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"official", "tf_keras", "keras"}))
import tensorflow as tf
assert tf.keras.layers.Dense(2)(tf.ones([1, 3])).shape == (1, 2)
"""


def test_the_shipped_model_segments_without_keras_which_can_be_imported_afterwards(tmp_path):
    picture = os.path.join(ROOT, "models", "nuclei.png")
    flags = ["--model=nuclei", f"--input={picture}", f"--output_dir={tmp_path}"]
    result = run_python("-c", _SEGMENT, *flags, TF_USE_LEGACY_KERAS=None)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"
