"""The benchmark's own parts: scenes, the preparation in NumPy, the measures."""

import numpy as np
import pytest
from sklearn import metrics

from affinity_seg import labels
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import graph_merge, merge_edges
from benchmarks import (
    comparison,
    competitors,
    measure,
    preparation,
    runs,
    scaling,
    scenes,
)

_MERGED_DISTANCES = (1, 2, 4, 8, 16, 32)


@pytest.fixture(scope="module")
def scene():
    return scenes.make_scene(3, 128, 256, 6, 0.3)


def test_scenes_are_like_networks(scene):
    assert scene.truth.shape == (128, 256)
    assert 0.1 < (scene.truth > 0).mean() < 0.5
    assert scene.affinity.shape == (128, 256, 56) and scene.affinity.dtype == np.float32
    np.testing.assert_allclose(scene.semantic.sum(-1), 1, atol=1e-5)
    again = scenes.make_scene(3, 128, 256, 6, 0.3)
    np.testing.assert_array_equal(again.affinity, scene.affinity)
    # Most pixels are won by their class; affinities are high inside.
    assert ((scene.semantic.argmax(-1) > 0) == (scene.truth > 0)).mean() > 0.9
    inside = scene.affinity[scene.truth > 0]
    assert np.median(inside[:, :8]) > 0.9


def test_tiles_are_copies(scene):
    once = runs.merge_call(scene, num_threads=1)()
    tiled = runs.merge_call(scene, num_threads=1, tiles=2)()
    assert tiled.instance_ids.shape == (256, 512)
    assert len(tiled.sizes) > 2 * len(once.sizes)


def test_preparation_in_numpy_gives_the_edges_of_the_op(scene):
    (edges,) = merge_edges([scene.semantic], [scene.affinity])
    ours = competitors.window_graph(edges.numpy(), _MERGED_DISTANCES)
    theirs = preparation.prepare(scene, labels.default_groups(9))
    np.testing.assert_array_equal(ours.offsets, theirs.offsets)
    np.testing.assert_array_equal(ours.exists, theirs.exists)
    np.testing.assert_allclose(ours.values, theirs.values, atol=2 / 65535)


def test_staged_gasp_is_the_same_clustering(scene):
    result = graph_merge(scene.semantic, scene.affinity, MergeOptions(min_pixels=0))
    (edges,) = merge_edges([scene.semantic], [scene.affinity])
    graph = competitors.window_graph(edges.numpy(), _MERGED_DISTANCES)
    found = competitors.run_staged_gasp(graph, (8, 8, 8), (0.97, 0.7, 0.3))
    ours = result.instance_ids.numpy()[::2, ::2]
    foreground = graph.foreground
    assert metrics.adjusted_rand_score(ours[foreground], found[foreground]) > 0.995


@pytest.mark.parametrize("seed", range(20))
def test_staged_gasp_gives_the_same_partition_where_nothing_ties(seed):
    rng = np.random.default_rng(seed)
    affinity = rng.random([24, 32, 56], np.float32)
    semantic = rng.dirichlet([0.2, 0.2, 0.2], [24, 32]).astype(np.float32)
    thresholds = (0.6, 0.56, 0.53)
    options = MergeOptions(refine=False, thresholds=thresholds, min_pixels=0)
    result = graph_merge(semantic, affinity, options)
    (edges,) = merge_edges([semantic], [affinity], options)
    graph = competitors.window_graph(edges.numpy(), _MERGED_DISTANCES)
    found = competitors.run_staged_gasp(graph, (8, 8, 8), thresholds)
    ours = result.instance_ids.numpy()[::2, ::2][graph.foreground]
    assert 1 < ours.max() < ours.size
    assert metrics.adjusted_rand_score(ours, found[graph.foreground]) == 1


def test_measure_finds_time_and_memory():
    def call():
        return np.ones(20_000_000).sum()  # 160 MB

    measured = measure.measure(call, 3)
    assert measured.result == 20_000_000
    assert 0 < measured.seconds < 60
    assert 150e6 < measured.peak_bytes < 300e6


def test_machine_scaling():
    scaling = measure.machine_scaling(2)
    assert all(0.3 < value < 4 for value in scaling.values())


def test_suites_return_a_row_for_each_scene(capsys):
    settings = runs.Settings(
        scenes=1,
        height=64,
        objects=3,
        foreground=0.4,
        repetitions=1,
        threads=2,
        seed=1,
        max_height=256,
    )
    threads = scaling.run_threads(settings)
    assert [row["image"] for row in threads["rows"]] == ["scene 0", "one object fills the image"]
    (batches,) = scaling.run_batches(settings)
    (logits,) = scaling.run_logits(settings)
    for row in (batches, logits):
        assert all(value >= 0 for value in row.values())
    assert "one list" in capsys.readouterr().out


def test_suites_with_other_programs(capsys):
    settings = runs.Settings(1, 64, 3, 0.4, 1, 2, 1, 256)
    rows = comparison.run_scenes(settings)
    assert rows[0]["program"].startswith("affinity_seg") and len(rows) == 5
    assert rows[3]["ARI_with_ours"] > 0.99  # staged GASP
    assert comparison.run_quality(settings)[0]["noise"] < 0.5
    assert "preparation in NumPy" in capsys.readouterr().out
