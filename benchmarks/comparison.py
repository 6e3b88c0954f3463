"""Our op beside other programs: time, memory and accuracy."""

import statistics

import numpy as np

from affinity_seg.merge_options import MergeOptions
from benchmarks import competitors, measure, preparation
from benchmarks.runs import Settings, merge_call, print_table

_MERGED_DISTANCES = (1, 2, 4, 8, 16, 32)  # of the paper's distances for windows of 2x2
_STAGE_CHANNELS = (8, 8, 8)
_OURS = "affinity_seg, 1 thread"
_PREPARATION = "preparation in NumPy"
_NOISES = (0.35, 0.7, 1.0, 1.4, 2.0)


def run_scenes(settings: Settings) -> list[dict]:
    """Compares with the other programs on every scene."""
    from affinity_seg import labels

    rows = []
    for index in range(settings.scenes):
        scene = settings.make_scene(index)
        run = merge_call(scene, num_threads=1)
        graph = competitors.window_graph(
            np.asarray(run(output_edges=True).edges), _MERGED_DISTANCES
        )
        turns = measure.measure_in_turns(
            {
                _OURS: run,
                _PREPARATION: lambda s=scene: preparation.prepare(
                    s, labels.default_groups(s.semantic.shape[-1])
                ),
                **_competitors(graph),
            },
            settings.repetitions,
        )
        prepared = turns.measured.pop(_PREPARATION)
        found = []
        own_labels = np.asarray(turns.measured[_OURS].result.instance_ids)[::2, ::2]
        for name, measured in turns.measured.items():
            labels_found = (
                own_labels if name == _OURS else np.where(graph.foreground, measured.result, 0)
            )
            preparations = () if name == _OURS else (_PREPARATION,)
            found.append(
                _row(
                    name,
                    measured,
                    **_quality(scene.truth, labels_found),
                    vertices=int(graph.foreground.sum()),
                    ARI_with_ours=_agreement(own_labels, labels_found),
                    times_ours=turns.ratio(name, _OURS),
                    times_ours_with_preparation=turns.ratio(name, _OURS, *preparations),
                )
            )
        print_table(f"scene {index}: {settings.height}x{2 * settings.height}", found)
        print(f"preparation in NumPy: {prepared.seconds:.3f} s, {prepared.peak_bytes / 1e6:.0f} MB")
        rows += [{"scene": index, **row} for row in found]
    return rows


def run_quality(settings: Settings) -> list[dict]:
    """Compares the accuracy with that of the other programs at several levels of noise."""
    rows = []
    for noise in _NOISES:
        found: dict[str, list[float]] = {}
        for index in range(settings.scenes):
            scene = settings.make_scene(index, noise)
            result = merge_call(scene, num_threads=1)(output_edges=True)
            graph = competitors.window_graph(np.asarray(result.edges), _MERGED_DISTANCES)
            window_labels = {_OURS: np.asarray(result.instance_ids)[::2, ::2]}
            for name, call in _competitors(graph).items():
                window_labels[name] = np.where(graph.foreground, call(), 0)
            for name, labels in window_labels.items():
                found.setdefault(name, []).append(_quality(scene.truth, labels)["AP"])
        rows.append({"noise": noise, **{k: statistics.mean(v) for k, v in found.items()}})
    print_table(f"mean AP of {settings.scenes} scenes by the noise of the logits", rows)
    return rows


def _competitors(graph: competitors.WindowGraph) -> dict:
    """Returns functions that run the other programs, by name."""
    affinities = competitors.mwatershed_affinities(graph)
    return {
        "mwatershed": lambda: competitors.run_mwatershed(affinities, graph),
        "mwatershed, strides 4": lambda: competitors.run_mwatershed(affinities, graph, strides=4),
        "bioimage-cpp staged GASP": lambda: competitors.run_staged_gasp(
            graph, _STAGE_CHANNELS, MergeOptions().thresholds
        ),
        "bioimage-cpp mutex, strides 4": lambda: competitors.run_mutex_watershed(graph),
    }


def _row(name: str, measured: measure.Measurement, **more) -> dict:
    return {
        "program": name,
        "seconds": measured.seconds,
        "cpu_seconds": measured.cpu_seconds,
        "peak_MB": measured.peak_bytes / 1e6,
        **more,
    }


def _quality(truth: np.ndarray, window_labels: np.ndarray, min_windows: int = 64) -> dict:
    """Returns ARI on the true foreground and class-agnostic AP; small clusters are dropped."""
    from sklearn import metrics

    from affinity_seg.evaluation import coco

    labels = np.kron(window_labels, np.ones([2, 2], np.int64))[: truth.shape[0], : truth.shape[1]]
    inside = truth > 0
    rand_index = metrics.adjusted_rand_score(truth[inside], labels[inside])
    kept = np.bincount(window_labels.ravel()) > min_windows
    kept[0] = False
    # The true background is nobody's instance: mwatershed labels it too.
    labels = np.where(kept[labels] & inside, labels, 0)
    small = np.bincount(truth.ravel()) <= 4 * min_windows
    return {
        "ARI": float(rand_index),
        "AP": float(coco.label_map_ap(np.where(small[truth], 0, truth), labels)),
    }


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the ARI of two label maps where either has a cluster."""
    from sklearn import metrics

    either = (a > 0) | (b > 0)
    return float(metrics.adjusted_rand_score(a[either], b[either]))
