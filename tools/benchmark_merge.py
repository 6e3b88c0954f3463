"""Times the graph merge beside other programs, and on scenes that are large or unkind.

    python tools/benchmark_merge.py --output_dir=runs/benchmark_merge

Suites: `scenes` compares with mwatershed and bioimage-cpp (`pip install -e .[bench]`), which start
from the graph of windows: its preparation in NumPy has a row of its own, and each of them two
columns, without and with it. `threads` is our op on one and two threads; `logits` is our op from
logits at stride 8 with both flips; `growth` is image size after image size; `cases` are scenes
that a slow method would choke on. Prints tables and writes results.json and growth.png. Time and
CPU time are medians, memory is the peak above what the process held before the call.
"""

import os
import statistics
from collections.abc import Sequence

import numpy as np
from absl import flags

from affinity_seg import cli, files
from affinity_seg.benchmarking import competitors, measure, preparation, scenes

_SUITES = ("scenes", "threads", "logits", "growth", "cases")
_MERGED_DISTANCES = (1, 2, 4, 8, 16, 32)  # of the paper's distances for windows of 2x2
_STAGE_CHANNELS = (8, 8, 8)
_THRESHOLDS = (0.97, 0.7, 0.3)
_STEPS = ("semantics", "edges", "clusters", "instances")

flags.DEFINE_string("output_dir", "runs/benchmark_merge", "Folder of results.json and growth.png.")
flags.DEFINE_multi_enum("suite", list(_SUITES), _SUITES, "What to run.")
flags.DEFINE_integer("scenes", 3, "Scenes of suites `scenes` and `threads`.", lower_bound=1)
flags.DEFINE_integer("height", 1024, "Their height, pixels; they are twice as wide.")
flags.DEFINE_integer("objects", 48, "Their objects.", lower_bound=1)
flags.DEFINE_float("foreground", 0.2, "Share of their pixels that objects cover.")
flags.DEFINE_integer("repetitions", 5, "Calls that are timed.", lower_bound=1)
flags.DEFINE_integer("threads", 2, "Threads of suite `threads`, beside one.", lower_bound=2)
flags.DEFINE_integer("seed", 1, "Seed of the first scene.")
flags.DEFINE_integer("max_height", 4096, "Largest height of suite `growth`, pixels.")
FLAGS = flags.FLAGS


def _op(scene: scenes.Scene, num_threads: int, min_pixels: int = 0):
    """Returns a function that runs our op."""
    import tensorflow as tf

    from affinity_seg import labels
    from affinity_seg.ops.loader import load_library

    library = load_library()
    with tf.device("cpu"):
        affinity, semantic = tf.constant(scene.affinity), tf.constant(scene.semantic)
        mask = tf.ones(scene.truth.shape, tf.bool)

    def run(output_edges=False):
        return library.graph_merge(
            affinity=affinity,
            semantic=semantic,
            mask=mask,
            group=0,
            distances=(1, 2, 4, 8, 16, 32, 64),
            stages=(3, 2, 2),
            thresholds=_THRESHOLDS,
            groups=labels.default_groups(scene.semantic.shape[-1]),
            min_pixels=min_pixels,
            num_threads=num_threads,
            output_edges=output_edges,
        )

    return run


def _table(title: str, rows: Sequence[dict]) -> None:
    """Prints dictionaries with the same keys as a table."""
    texts = [
        {k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in row.items()} for row in rows
    ]
    widths = {k: max(len(k), *(len(text[k]) for text in texts)) for k in texts[0]}
    print(f"\n{title}")
    print("  ".join(k.rjust(w) for k, w in widths.items()))
    for text in texts:
        print("  ".join(text[k].rjust(w) for k, w in widths.items()), flush=True)


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


def _scene(index: int) -> scenes.Scene:
    return scenes.make_scene(
        FLAGS.seed + index, FLAGS.height, 2 * FLAGS.height, FLAGS.objects, FLAGS.foreground
    )


def _run_scenes() -> list[dict]:
    """Compares with the other programs on every scene."""
    from affinity_seg import labels

    rows = []
    for index in range(FLAGS.scenes):
        scene = _scene(index)
        run = _op(scene, num_threads=1)
        graph = competitors.window_graph(
            np.asarray(run(output_edges=True).edges), _MERGED_DISTANCES
        )
        affinities = competitors.mwatershed_affinities(graph)
        measured = measure.measure(run, FLAGS.repetitions)
        own_labels = np.asarray(measured.result.instance_ids)[::2, ::2]
        own = _row(
            "affinity_seg, 1 thread",
            measured,
            **_quality(scene.truth, own_labels),
            vertices=int(graph.foreground.sum()),
            ARI_with_ours=1.0,
            times_ours=1.0,
            times_ours_with_preparation=1.0,
        )
        prepared = measure.measure(
            lambda s=scene: preparation.prepare(s, labels.default_groups(s.semantic.shape[-1])), 1
        )
        found = [own]
        # The others take seconds: fewer repetitions.
        for name, call in (
            ("mwatershed", lambda a=affinities, g=graph: competitors.run_mwatershed(a, g)),
            (
                "mwatershed, strides 4",
                lambda a=affinities, g=graph: competitors.run_mwatershed(a, g, strides=4),
            ),
            (
                "bioimage-cpp staged GASP",
                lambda g=graph: competitors.run_staged_gasp(g, _STAGE_CHANNELS, _THRESHOLDS),
            ),
            ("bioimage-cpp mutex, strides 4", lambda g=graph: competitors.run_mutex_watershed(g)),
        ):
            measured = measure.measure(call, 1)
            found.append(
                _row(
                    name,
                    measured,
                    **_quality(scene.truth, np.where(graph.foreground, measured.result, 0)),
                    vertices=int(graph.foreground.sum()),
                    ARI_with_ours=_agreement(
                        own_labels, np.where(graph.foreground, measured.result, 0)
                    ),
                    times_ours=measured.seconds / own["seconds"],
                    times_ours_with_preparation=(measured.seconds + prepared.seconds)
                    / own["seconds"],
                )
            )
        _table(f"scene {index}: {FLAGS.height}x{2 * FLAGS.height}", found)
        print(f"preparation in NumPy: {prepared.seconds:.3f} s, {prepared.peak_bytes / 1e6:.0f} MB")
        rows += [{"scene": index, **row} for row in found]
    return rows


def _run_threads() -> dict:
    """Times one and more threads on the scenes, and on one object that fills the image."""
    scaling = measure.machine_scaling(FLAGS.threads)
    whole = scenes.make_scene(FLAGS.seed, FLAGS.height, 2 * FLAGS.height, 1, 1.0)
    rows = []
    for name, scene in [
        *((f"scene {i}", _scene(i)) for i in range(FLAGS.scenes)),
        ("one object fills the image", whole),
    ]:
        times = {}
        runs = {n: _op(scene, n) for n in (1, FLAGS.threads)}
        for run in runs.values():
            run()
        for n in runs:
            times[n] = []
        for _ in range(FLAGS.repetitions):  # in turns, so that both see the same machine
            for n, run in runs.items():
                times[n].append(np.asarray(run().seconds))
        one, more = (np.median(times[n], axis=0) for n in runs)
        rows.append(
            {
                "image": name,
                "seconds, 1 thread": float(one.sum()),
                f"seconds, {FLAGS.threads} threads": float(more.sum()),
                "speedup": float(one.sum() / more.sum()),
                **{
                    f"{step} speedup": float(a / b)
                    for step, a, b in zip(_STEPS, one, more, strict=True)
                },
                "clusters, 1 thread": float(one[2]),
            }
        )
    _table(
        f"{FLAGS.threads} threads against one; the machine itself: streaming reads "
        f"{scaling['reads']:.2f}, arithmetic {scaling['arithmetic']:.2f}",
        rows,
    )
    median = statistics.median(row["clusters speedup"] for row in rows[:-1])
    print(f"median speedup of the clusters over the scenes: {median:.2f}")
    return {"machine": scaling, "rows": rows}


def _run_logits() -> list[dict]:
    """Times the op from logits at stride 8 of both flips beside the op from probabilities."""
    import tensorflow as tf

    from affinity_seg import ops

    rows = []
    for index in range(FLAGS.scenes):
        rng = np.random.default_rng(FLAGS.seed + index)
        truth = scenes.make_truth(
            rng, FLAGS.height, 2 * FLAGS.height, FLAGS.objects, FLAGS.foreground
        )
        # The noise of the mirrored image is another one.
        classes = 9
        state = rng.bit_generator.state
        affinity, semantic = scenes.make_logits(rng, truth, classes)
        rng.bit_generator.state = state  # the same classes
        flipped = scenes.make_logits(rng, truth[:, ::-1], classes)
        mask = tf.ones(truth.shape, tf.bool)
        inputs = [
            tf.constant(np.stack(pair), tf.float32)
            for pair in zip((affinity, semantic), flipped, strict=True)
        ]
        from_logits = measure.measure(
            lambda i=inputs, m=mask: ops.graph_merge_from_logits(
                *i, m, affinity_stride=scenes.STRIDE, semantic_stride=scenes.STRIDE, num_threads=1
            ),
            FLAGS.repetitions,
        )
        from_probabilities = measure.measure(
            _op(_scene(index), num_threads=1, min_pixels=1024), FLAGS.repetitions
        )
        rows.append(
            {
                "scene": index,
                "seconds, probabilities": from_probabilities.seconds,
                "seconds, logits of both flips": from_logits.seconds,
                "ratio": from_logits.seconds / from_probabilities.seconds,
                "peak_MB, probabilities": from_probabilities.peak_bytes / 1e6,
                "peak_MB, logits": from_logits.peak_bytes / 1e6,
            }
        )
    _table("logits at stride 8, both flips, one thread", rows)
    return rows


def _run_growth() -> list[dict]:
    """Times image sizes from 256x512 on; larger ones are copies of 1024x2048 side by side."""
    rows = []
    for fill, objects in ((FLAGS.foreground, FLAGS.objects), (1.0, 1)):
        height = 256
        while height <= FLAGS.max_height:
            share = min(height, 1024)
            scene = scenes.make_scene(
                FLAGS.seed, share, 2 * share, max(1, objects * share**2 // 1024**2), fill
            )
            if height > share:
                scene = scenes.tiled(scene, height // share, height // share)
            run = _op(scene, num_threads=1)
            measured = measure.measure(run, min(FLAGS.repetitions, 3))
            vertices = int(np.count_nonzero(measured.result.instance_ids)) // 4
            rows.append(
                {
                    "image": f"{height}x{2 * height}",
                    "foreground": fill,
                    "vertices": vertices,
                    "seconds": measured.seconds,
                    "microseconds_per_vertex": 1e6 * measured.seconds / max(vertices, 1),
                    "peak_MB": measured.peak_bytes / 1e6,
                    "peak_over_input": measured.peak_bytes / scene.affinity.nbytes,
                }
            )
            height *= 2
    _table("growth, one thread", rows)
    return rows


def _plot_growth(rows: list[dict], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 4))
    for fill in dict.fromkeys(row["foreground"] for row in rows):
        points = [(r["vertices"], r["seconds"]) for r in rows if r["foreground"] == fill]
        axes.loglog(*zip(*points, strict=True), marker="o", label=f"foreground {fill:.0%}")
    first = rows[0]
    ends = np.array([first["vertices"], rows[-1]["vertices"]])
    axes.loglog(ends, ends * first["seconds"] / first["vertices"], "k:", label="linear")
    axes.set(xlabel="foreground vertices", ylabel="seconds, one thread")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _run_cases() -> list[dict]:
    """Times scenes that a method with a quadratic step would not finish."""
    side = 2048
    y, x = np.mgrid[:side, :side]
    tiny = ((y % 16 < 6) & (x % 16 < 6)) * (1 + y // 16 * (side // 16) + x // 16)
    tiny[side // 2 :] = 0  # 8192 objects
    ones = np.ones([side, side], np.int32)
    checkerboard = (1 + (y // 2 + x // 2) % 2).astype(np.int32)
    noisy = scenes.make_scene(FLAGS.seed, side, side, 1, 1.0, num_classes=2)
    rows = []
    for name, make in (
        ("8192 objects of 36 pixels", lambda: scenes.constant_scene(tiny.astype(np.int32))),
        ("one object of 4 million pixels, noise", lambda: noisy),
        ("all affinities 1.0", lambda: scenes.constant_scene(ones)),
        ("all affinities 0.0", lambda: scenes.constant_scene(ones, inside=0.0)),
        ("checkerboard of windows", lambda: scenes.constant_scene(checkerboard)),
        ("checkerboard of 0.999 and 0.5", lambda: scenes.constant_scene(checkerboard, 0.999, 0.5)),
    ):
        measured = measure.measure(_op(make(), num_threads=1), 1)
        rows.append(
            {
                "case": name,
                "instances": int(measured.result.sizes.shape[0]),
                "seconds": measured.seconds,
                "peak_MB": measured.peak_bytes / 1e6,
            }
        )
    _table(f"unkind scenes of {side}x{side}, one thread", rows)
    return rows


def main():
    results = {}
    run = {
        "scenes": _run_scenes,
        "threads": _run_threads,
        "logits": _run_logits,
        "growth": _run_growth,
        "cases": _run_cases,
    }
    for suite in dict.fromkeys(FLAGS.suite):
        results[suite] = run[suite]()
    if "growth" in results:
        with files.atomic_path(os.path.join(FLAGS.output_dir, "growth.png")) as path:
            _plot_growth(results["growth"], path)
    path = os.path.join(FLAGS.output_dir, "results.json")
    files.write_json(path, results)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.run(main)
