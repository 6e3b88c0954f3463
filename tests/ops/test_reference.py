"""The NumPy reference on cases worked out by hand."""

import dataclasses

import numpy as np
import pytest

from affinity_seg import neighbors
from affinity_seg.merge_options import MergeOptions
from affinity_seg.ops import reference, reference_clusters
from affinity_seg.ops import reference_graph as graph


def _truth(instances, distances, inside=1.0, across=0.0):
    """Affinities of an instance map: `inside` within an instance, `across` elsewhere."""
    height, width = instances.shape
    affinity = np.full((height, width, neighbors.num_channels(distances)), across, np.float32)
    for c, (dy, dx) in enumerate(neighbors.offsets(distances)):
        for y in range(height):
            for x in range(width):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    same = instances[y, x] == instances[y + dy, x + dx] > 0
                    affinity[y, x, c] = inside if same else across
    return affinity


def _one_hot(classes, num_classes=2):
    return np.eye(num_classes, dtype=np.float32)[classes]


def _slow_edges(affinity, semantic, groups, distances, window, alpha=5.0):
    """Refined edges by loops over pixels: a dictionary from (window, window, j)."""
    height, width = semantic.shape[:2]
    q = np.rint(affinity * np.float32(65535)).astype(int)
    s = np.rint(semantic * np.float32(65535)).astype(int)
    num_groups = max(groups) + 1
    sums = {}
    for y in range(height):
        for x in range(width):
            row = sums.setdefault((y // window, x // window), [0] * (num_groups + 1))
            row[num_groups] += 1
            for k, g in enumerate(groups):
                row[g] += int(s[y, x, k])
    values = {}
    for c, (dy, dx) in enumerate(neighbors.offsets(distances)):
        d = distances[c // 8]
        for y in range(height):
            for x in range(width):
                if 0 <= y + dy < height and 0 <= x + dx < width:
                    a = (y // window, x // window)
                    b = ((y + dy) // window, (x + dx) // window)
                    if a != b:
                        key = (min(a, b), max(a, b), max(1, d // window))
                        values.setdefault(key, []).append(q[y, x, c])
    edges = {}
    for (a, b, d), found in values.items():
        win_a = sums[a][:num_groups].index(max(sums[a][:num_groups]))
        win_b = sums[b][:num_groups].index(max(sums[b][:num_groups]))
        if not win_a or not win_b:
            continue
        dot = sum(
            sums[a][g] / sums[a][-1] / 65535 * sums[b][g] / sums[b][-1] / 65535
            for g in range(1, num_groups)
        )
        e = np.mean(found) * 2 * (1 / (1 + np.exp(-alpha * dot)) - 0.5)
        edges[a, b, d] = 0.0 if win_a != win_b else e
    return edges


@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("size", [(9, 11), (1, 13), (8, 8)])
def test_edges_equal_loops_over_pixels(window, size):
    rng = np.random.default_rng(window)
    distances, groups = (1, 2, 4, 8), (0, 1, 1, 2)
    affinity = rng.random((*size, 32), np.float32)
    semantic = rng.dirichlet(np.ones(4), size).astype(np.float32)
    options = MergeOptions(
        distances=distances, stages=(2, 2), thresholds=(0.9, 0.5), groups=groups,
        merge_window=window,
    )  # fmt: skip
    edges = reference.reference_edges(semantic, affinity, options)
    slow = _slow_edges(affinity, semantic, groups, distances, window)
    merged = sorted({max(1, d // window) for d in distances})
    assert edges.shape[2] == 4 * len(merged)
    count = 0
    for y, x, c in np.argwhere(edges >= 0):
        d = merged[c // 4]
        dy, dx = neighbors.DIRECTIONS[4 + c % 4]
        assert abs(edges[y, x, c] - slow[(y, x), (y + d * dy, x + d * dx), d]) <= 0.5 + 1e-6
        count += 1
    assert count == len(slow)


def test_window_of_two_averages_eight_pairs_to_the_side_and_five_to_the_diagonal():
    affinity = np.zeros((4, 4, 16), np.int64)
    step = graph.MergedDistance(1, (0, 1), 0)
    _, count = graph._sum_pixel_pairs(affinity, (1, 2), step, 2, (2, 2))
    assert count[0, 0, 0] == 8 and count[0, 0, 2] == 8
    assert count[0, 0, 3] == 5 and count[0, 1, 1] == 5


def test_merged_distances_and_their_stages():
    merged = graph.merged_distances(MergeOptions(merge_window=4))
    assert [step.distance for step in merged] == [1, 2, 4, 8, 16]
    assert [step.stage for step in merged] == [0, 1, 1, 2, 2]
    assert merged[0].pixel_distances == (0, 1, 2)
    merged = graph.merged_distances(MergeOptions(distances=(1, 2, 4), stages=(1, 1, 1)))
    assert [(step.distance, step.stage) for step in merged] == [(1, 1), (2, 2)]


def test_quantize_ties_clamp_and_range():
    assert graph.quantize(np.float32([0, 1, -1e-3, 1 + 1e-3]), "p").tolist() == [0, 65535, 0, 65535]
    with pytest.raises(ValueError, match="`p` must be in"):
        graph.quantize(np.float32([0.5, 1.01]), "p")
    with pytest.raises(ValueError, match="nan"):
        graph.quantize(np.float32([np.nan]), "p")


def test_affinities_are_checked_at_vertices_only():
    affinity = np.ones((1, 4, 8), np.float32)
    affinity[0, 3] = np.nan
    semantic = _one_hot(np.array([[1, 1, 0, 0]]))
    options = MergeOptions(
        distances=(1,), stages=(1,), thresholds=(0.9,), merge_window=1, min_pixels=0
    )
    result = reference.graph_merge_reference(semantic, affinity, options)
    assert result.instance_ids.tolist() == [[1, 1, 0, 0]]
    affinity[0, 0] = np.nan
    with pytest.raises(ValueError, match="`affinity`"):
        reference.graph_merge_reference(semantic, affinity, options)


def test_touching_instances_come_back_exactly():
    instances = np.zeros((12, 14), np.int32)
    instances[1:9, 1:7] = 5
    instances[1:9, 7:13] = 3
    instances[10:12, 0:2] = 9  # Too small.
    distances = (1, 2, 4)
    result = reference.graph_merge_reference(
        _one_hot((instances > 0).astype(int)),
        _truth(instances, distances),
        MergeOptions(
            distances=distances,
            stages=(2, 1),
            thresholds=(0.97, 0.5),
            merge_window=1,
            min_pixels=10,
        ),
    )
    assert np.array_equal(result.instance_ids, np.where(instances == 5, 1, 2 * (instances == 3)))
    assert result.sizes.tolist() == [48, 48]
    assert result.boxes.tolist() == [[1, 1, 9, 7], [1, 7, 9, 13]]
    assert result.votes.tolist() == [[0, 48], [0, 48]]
    np.testing.assert_allclose(result.scores, 2 / (1 + np.exp(-5)) - 1, atol=1e-5)
    assert result.scores.dtype == np.float32


def test_later_stage_joins_parts_over_an_occluder():
    instances = np.array([[1, 1, 0, 0, 1, 1]])
    distances = (1, 4)
    affinity = _truth(instances, distances)
    options = MergeOptions(
        distances=distances, stages=(1, 1), thresholds=(0.9, 0.5), merge_window=1, min_pixels=0,
        refine=False,
    )  # fmt: skip
    semantic = _one_hot((instances > 0).astype(int))
    joined = reference.graph_merge_reference(semantic, affinity, options)
    assert joined.instance_ids.tolist() == [[1, 1, 0, 0, 1, 1]]
    assert joined.scores.tolist() == [1.0]
    affinity[..., 8:] = 0.4
    apart = reference.graph_merge_reference(semantic, affinity, options)
    assert apart.instance_ids.tolist() == [[1, 1, 0, 0, 2, 2]]


# A path 0 - 1 - 2 - 3 has edges a, b, c; distance-2 edges come in a second stage.
def test_average_counts_edges_and_weighted_does_not():
    edges = [[(0, 1, 60000), (1, 2, 50000)], [(0, 2, 0), (0, 3, 0), (1, 3, 0), (2, 3, 60000)]]
    thresholds = [600000, 400000]
    # {0, 1, 2} in stage one. Average with 3: (0 + 0 + 60000) / 3; not merged.
    average = reference_clusters.cluster(4, edges, thresholds, "average")
    assert average.tolist() == [2, 2, 2, 3]
    # Weighted: stage two first averages what it adds: the same here.
    assert reference_clusters.cluster(4, edges, thresholds, "weighted").tolist() == [2, 2, 2, 3]
    # In one stage: 0-1 first, then 3 joins 2 before it meets 0 and 1.
    single = [edges[0] + edges[1][1:]]
    # Average: e({0,1},{2,3}) = (50000 + 0 + 0) / 3; weighted: ((50000 + 0) / 2).
    assert reference_clusters.cluster(4, single, [380000], "average").tolist() == [1, 1, 3, 3]
    assert reference_clusters.cluster(4, single, [380000], "weighted").tolist() == [3, 3, 3, 3]


def test_ties_go_to_smaller_ids_and_ids_are_largest_members():
    # All equal: 0-1 merges first (min id 0), becomes id 1; then 1-2 with a zero edge
    # 0-2 is (1 + 0) / 2 = 0.5 and fails; 2-3 merges.
    edges = [[(0, 1, 65535), (1, 2, 65535), (0, 2, 0), (2, 3, 65535)]]
    assert reference_clusters.cluster(4, edges, [900000], "average").tolist() == [1, 1, 3, 3]
    # 1-2 is larger and goes first; then 0 (mean 0.5) fails and 3 has only one edge.
    edges = [[(0, 1, 65000), (1, 2, 65535), (0, 2, 0), (2, 3, 65000)]]
    assert reference_clusters.cluster(4, edges, [900000], "average").tolist() == [0, 3, 3, 3]


def test_threshold_is_exact():
    # 65535 * 0.6 = 39321 exactly.
    assert reference_clusters.cluster(2, [[(0, 1, 39321)]], [600000], "average").tolist() == [1, 1]
    assert reference_clusters.cluster(2, [[(0, 1, 39320)]], [600000], "average").tolist() == [0, 1]
    assert reference_clusters.cluster(2, [[(0, 1, 39321)]], [600001], "average").tolist() == [0, 1]


def test_exact_order_of_means():
    order = reference_clusters._Average.order
    assert order((1, 3)) == order((2, 6))
    big = 2**31
    assert order((big - 1, big)) > order((big - 2, big - 1))


def test_group_and_mask_restrict_vertices_and_votes():
    # Left half person-like (group 1), right half car-like (group 2).
    probabilities = np.zeros((2, 8, 4), np.float32)
    probabilities[:, :4] = (0.1, 0.4, 0.3, 0.2)
    probabilities[:, 4:] = (0.1, 0.1, 0.1, 0.7)
    probabilities[0, 0] = (0.1, 0.2, 0.1, 0.6)  # A pixel of group 2 in a group-1 window.
    affinity = np.ones((2, 8, 8), np.float32)
    options = MergeOptions(
        distances=(1,), stages=(1,), thresholds=(0.5,), groups=(0, 1, 1, 2), refine=False,
        min_pixels=0, merge_window=2,
    )  # fmt: skip
    result = reference.graph_merge_reference(probabilities, affinity, options, group=1)
    assert result.instance_ids.tolist() == [[1] * 4 + [0] * 4] * 2
    assert result.votes.tolist() == [[0, 8, 0, 0]]
    mask = np.zeros((2, 8), bool)
    mask[1, 3:5] = True  # Touches the second and third window.
    result = reference.graph_merge_reference(probabilities, affinity, options, mask=mask)
    assert result.instance_ids.tolist() == [[0, 0, 1, 1, 1, 1, 0, 0]] * 2
    assert result.votes.tolist() == [[0, 4, 0, 4]]
    assert result.classes.tolist() == [1]  # A tie goes to the lower class.
    options = dataclasses.replace(options, refine=True, thresholds=(0.3,))
    refined = reference.graph_merge_reference(probabilities, affinity, options, mask=mask)
    assert refined.instance_ids.tolist() == [[0, 0, 1, 1, 2, 2, 0, 0]] * 2


def test_pixels_won_by_background_do_not_vote():
    probabilities = np.zeros((1, 2, 3), np.float32)
    probabilities[0, 0] = (0.5, 0.1, 0.4)
    probabilities[0, 1] = (0.0, 0.55, 0.45)
    result = reference.graph_merge_reference(
        probabilities,
        np.ones((1, 2, 8), np.float32),
        MergeOptions(distances=(1,), stages=(1,), thresholds=(0.5,), merge_window=2, min_pixels=0),
    )
    assert result.votes.tolist() == [[0, 1, 0]] and result.classes.tolist() == [1]
    assert result.sizes.tolist() == [2] and result.scores.tolist() == [0.0]  # No inner edge.


def test_refine_classes_lift_edges_of_the_largest_distance():
    affinity = np.full((1, 5, 16), 0.5, np.float32)
    semantic = _one_hot(np.full((1, 5), 2), 3)
    edges, plain = (
        reference.reference_edges(
            semantic,
            affinity,
            MergeOptions(
                distances=(1, 4), stages=(1, 1), thresholds=(0.9, 0.5), merge_window=1,
                refine=False, refine_classes=refine_classes,
            ),
        )
        for refine_classes in ((2,), (1,))
    )  # fmt: skip
    half = (2 * np.rint(np.float32(0.5) * 65535)) / 2
    assert plain[0, 0, 0] == plain[0, 0, 4] == edges[0, 0, 0] == half
    assert edges[0, 0, 4] == np.floor((2 / (1 + np.exp(-5 * half / 65535)) - 1) * 65535 + 0.5)
    assert edges[0, 1, 4] == -1


def test_nothing_found_gives_empty_arrays():
    result = reference.graph_merge_reference(
        _one_hot(np.zeros((5, 3), int)), np.zeros((5, 3, 56), np.float32)
    )
    assert not result.instance_ids.any() and result.instance_ids.dtype == np.int32
    assert result.classes.shape == result.scores.shape == result.sizes.shape == (0,)
    assert result.boxes.shape == (0, 4) and result.votes.shape == (0, 2)


def test_logits_and_probabilities_agree():
    rng = np.random.default_rng(3)
    affinity = rng.normal(size=(6, 7, 16)).astype(np.float32)
    semantic = rng.normal(size=(6, 7, 3)).astype(np.float32)
    options = MergeOptions(distances=(1, 2), stages=(1, 1), thresholds=(0.9, 0.5), merge_window=1)
    logits = reference.reference_edges(semantic, affinity, options, from_logits=True)
    probabilities = reference.reference_edges(
        graph.softmax(semantic), graph.sigmoid(affinity), options
    )
    assert np.array_equal(logits, probabilities) and (logits > 0).any()
