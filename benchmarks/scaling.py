"""How our op behaves: threads, lists of regions, logits, image size, unkind scenes."""

import statistics

import numpy as np

from benchmarks import measure, scenes
from benchmarks.runs import Settings, merge_call, print_table

_STEPS = ("semantics", "edges", "clusters", "instances")
_MAX_SIDE = 513  # of regions, as in the paper's inference


def run_threads(settings: Settings) -> dict:
    """Times one and more threads on the scenes, and on one object that fills the image."""
    scaling = measure.machine_scaling(settings.threads)
    whole = scenes.make_scene(settings.seed, settings.height, 2 * settings.height, 1, 1.0)
    rows = []
    for name, scene in [
        *((f"scene {i}", settings.make_scene(i)) for i in range(settings.scenes)),
        ("one object fills the image", whole),
    ]:
        times = {}
        runs = {n: merge_call(scene, n) for n in (1, settings.threads)}
        for run in runs.values():
            run()
        for n in runs:
            times[n] = []
        for _ in range(settings.repetitions):  # in turns, so that both see the same machine
            for n, run in runs.items():
                times[n].append(np.asarray(run().seconds))
        one, more = (np.median(times[n], axis=0) for n in runs)
        rows.append(
            {
                "image": name,
                "seconds, 1 thread": float(one.sum()),
                f"seconds, {settings.threads} threads": float(more.sum()),
                "speedup": float(one.sum() / more.sum()),
                **{
                    f"{step} speedup": float(a / b)
                    for step, a, b in zip(_STEPS, one, more, strict=True)
                },
                "clusters, 1 thread": float(one[2]),
            }
        )
    print_table(
        f"{settings.threads} threads against one; the machine itself: streaming reads "
        f"{scaling['reads']:.2f}, arithmetic {scaling['arithmetic']:.2f}",
        rows,
    )
    median = statistics.median(row["clusters speedup"] for row in rows[:-1])
    print(f"median speedup of the clusters over the scenes: {median:.2f}")
    return {"machine": scaling, "rows": rows}


def run_parts(settings: Settings) -> list[dict]:
    """Prints where one thread spends its time, beside the input it reads and how fast it could."""
    gigabytes = measure.read_bytes_per_second() / 1e9
    rows = []
    for index in range(settings.scenes):
        scene = settings.make_scene(index)
        run = merge_call(scene, num_threads=1)
        vertices = int(np.count_nonzero(run().instance_ids)) // 4
        runs = [run() for _ in range(settings.repetitions)]
        semantics, edges, clusters, instances = np.median([r.seconds for r in runs], axis=0)
        stages = np.median([r.stage_nanoseconds for r in runs], axis=0) / 1e9
        pixel = scene.affinity[0, 0].nbytes
        parts = {
            "checks and semantics": (semantics, scene.semantic.nbytes),
            "checks and edges": (edges, 4 * vertices * pixel),
            "components": (clusters - stages.sum(), 0),
            **{f"stage {i + 1}": (seconds, 0) for i, seconds in enumerate(stages)},
            "instances and votes": (instances, 0),
        }
        for part, (seconds, read) in parts.items():
            rows.append(
                {
                    "scene": index,
                    "part": part,
                    "seconds": float(seconds),
                    "nanoseconds_per_vertex": float(1e9 * seconds / max(vertices, 1)),
                    "input_MB": read / 1e6,
                    "input_GB_per_second": float(read / 1e9 / seconds),
                    "machine_GB_per_second": gigabytes,
                }
            )
    print_table("where the time goes, one thread", rows)
    return rows


def run_batches(settings: Settings) -> list[dict]:
    """Times regions one after the other and as one list."""
    import tensorflow as tf

    from affinity_seg import ops

    rows = []
    for index in range(settings.scenes):
        scene, rng = settings.make_scene(index), np.random.default_rng(settings.seed + index)
        regions = []
        for _ in range(24):
            most = np.minimum(_MAX_SIDE, scene.truth.shape)
            height, width = (int(v) for v in rng.integers(most // 8, most, endpoint=True))
            y = int(rng.integers(0, scene.truth.shape[0] - height, endpoint=True))
            x = int(rng.integers(0, scene.truth.shape[1] - width, endpoint=True))
            box = np.s_[y : y + height, x : x + width]
            regions.append((tf.constant(scene.semantic[box]), tf.constant(scene.affinity[box])))

        def one_by_one(num_threads, regions=regions):
            return [ops.graph_merge(*region, num_threads=num_threads) for region in regions]

        def together(regions=regions):
            return ops.graph_merge_batch(*zip(*regions, strict=True), num_threads=settings.threads)

        calls = {
            "1 thread": lambda f=one_by_one: f(1),
            "one by one": lambda f=one_by_one: f(settings.threads),
            "one list": together,
        }
        turns = measure.measure_in_turns(calls, settings.repetitions)
        row = {"scene": index}
        for name, measured in turns.measured.items():
            row[f"seconds, {name}"] = measured.seconds
        for name in ("one by one", "one list"):
            row[f"speedup, {name}"] = 1 / turns.ratio(name, "1 thread")
        rows.append(row)
    print_table(
        f"24 regions of up to {_MAX_SIDE}x{_MAX_SIDE} pixels, one by one and as one list on "
        f"{settings.threads} threads",
        rows,
    )
    return rows


def run_logits(settings: Settings) -> list[dict]:
    """Times the op from logits at stride 8 of both flips beside the op from probabilities."""
    import tensorflow as tf

    from affinity_seg import ops

    rows = []
    for index in range(settings.scenes):
        rng = np.random.default_rng(settings.seed + index)
        truth = scenes.make_truth(
            rng, settings.height, 2 * settings.height, settings.objects, settings.foreground
        )
        # The noise of the mirrored image is another one.
        classes = 9
        state = rng.bit_generator.state
        semantic, affinity = scenes.make_logits(rng, truth, classes)
        rng.bit_generator.state = state  # the same classes
        flipped = scenes.make_logits(rng, truth[:, ::-1], classes)
        mask = tf.ones(truth.shape, tf.bool)
        inputs = [
            tf.constant(np.stack(pair), tf.float32)
            for pair in zip((semantic, affinity), flipped, strict=True)
        ]
        calls = {
            "probabilities": merge_call(settings.make_scene(index), num_threads=1, min_pixels=1024),
            "logits of both flips": lambda i=inputs, m=mask: ops.graph_merge_from_logits(
                *i, m, semantic_stride=scenes.STRIDE, affinity_stride=scenes.STRIDE, num_threads=1
            ),
        }
        turns = measure.measure_in_turns(calls, settings.repetitions)
        row = {"scene": index, "ratio": turns.ratio("logits of both flips", "probabilities")}
        for name, measured in turns.measured.items():
            row[f"seconds, {name}"] = measured.seconds
            row[f"peak_MB, {name}"] = measured.peak_bytes / 1e6
        rows.append(row)
    print_table("logits at stride 8, both flips, one thread", rows)
    return rows


def run_growth(settings: Settings) -> list[dict]:
    """Times image sizes from 256x512 on; larger ones are copies of 1024x2048 side by side."""
    rows = []
    for fill, objects in ((settings.foreground, settings.objects), (1.0, 1)):
        height = 256
        while height <= settings.max_height:
            share = min(height, 1024)
            scene = scenes.make_scene(
                settings.seed, share, 2 * share, max(1, objects * share**2 // 1024**2), fill
            )
            tiles = height // share
            run = measured = None  # Memory for the next: the largest needs 19 GB in all.
            run = merge_call(scene, num_threads=1, tiles=tiles)
            input_bytes = tiles**2 * scene.affinity.nbytes
            measured = measure.measure(run, settings.repetitions if height <= 1024 else 1)
            vertices = int(np.count_nonzero(measured.result.instance_ids)) // 4
            rows.append(
                {
                    "image": f"{height}x{2 * height}",
                    "foreground": fill,
                    "vertices": vertices,
                    "seconds": measured.seconds,
                    "cpu_seconds": measured.cpu_seconds,
                    "cpu_microseconds_per_vertex": 1e6 * measured.cpu_seconds / max(vertices, 1),
                    "peak_MB": measured.peak_bytes / 1e6,
                    "peak_over_input": measured.peak_bytes / input_bytes,
                }
            )
            height *= 2
    print_table("growth, one thread", rows)
    return rows


def plot_growth(rows: list[dict], path: str) -> None:
    """Plots what `run_growth` returns."""
    import matplotlib  # Late: it takes seconds.

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 4))
    for fill in dict.fromkeys(row["foreground"] for row in rows):
        points = [(r["vertices"], r["cpu_seconds"]) for r in rows if r["foreground"] == fill]
        axes.loglog(*zip(*points, strict=True), marker="o", label=f"foreground {fill:.0%}")
    first = rows[0]
    ends = np.array([first["vertices"], rows[-1]["vertices"]])
    axes.loglog(ends, ends * first["cpu_seconds"] / first["vertices"], "k:", label="linear")
    axes.set(xlabel="foreground vertices", ylabel="CPU seconds, one thread")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def run_cases(settings: Settings) -> list[dict]:
    """Times scenes that a method with a quadratic step would not finish."""
    side = 2048
    y, x = np.mgrid[:side, :side]
    tiny = ((y % 16 < 6) & (x % 16 < 6)) * (1 + y // 16 * (side // 16) + x // 16)
    tiny[side // 2 :] = 0  # 8192 objects
    ones = np.ones([side, side], np.int32)
    checkerboard = (1 + (y // 2 + x // 2) % 2).astype(np.int32)
    noisy = scenes.make_scene(settings.seed, side, side, 1, 1.0, num_classes=2)
    rows = []
    for name, make in (
        ("8192 objects of 36 pixels", lambda: scenes.constant_scene(tiny.astype(np.int32))),
        ("one object of 4 million pixels, noise", lambda: noisy),
        ("all affinities 1.0", lambda: scenes.constant_scene(ones)),
        ("all affinities 0.0", lambda: scenes.constant_scene(ones, inside=0.0)),
        ("checkerboard of windows", lambda: scenes.constant_scene(checkerboard)),
        ("checkerboard of 0.999 and 0.5", lambda: scenes.constant_scene(checkerboard, 0.999, 0.5)),
    ):
        measured = measure.measure(merge_call(make(), num_threads=1), 1)
        rows.append(
            {
                "case": name,
                "instances": int(measured.result.sizes.shape[0]),
                "seconds": measured.seconds,
                "peak_MB": measured.peak_bytes / 1e6,
            }
        )
    print_table(f"unkind scenes of {side}x{side}, one thread", rows)
    return rows
