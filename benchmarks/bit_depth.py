r"""Measures what 16 bits cost or gain: the same pictures with 8 bits, and as TIFF files of 16 bits.

    python -m benchmarks.bit_depth --input=../shared/data/nuclei/val --model=nuclei \
        --output_dir=runs/benchmark_bit_depth

Each labelled picture is segmented as it is, with 8 bits; and as TIFF files of 16 bits, whose values
are those of 8 bits with normal noise, times counts / 255, rounded to counts. The noise is the same
in all of them. The row "8 bits with noise" has it as well, rounded to 8 bits. Prints the score of
the Data Science Bowl (docs/evaluation.md), and writes results.json.
"""

import io
import os

import numpy as np

from affinity_seg import cli, files, tool_flags
from affinity_seg.data import layouts
from benchmarks import runs

_COUNTS = (255, 1000, 4000, 65535)
"""What 255 becomes in 16 bits."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_data_flags(values, layouts.LABELLED_LAYOUTS, "folder")
    tool_flags.define_model_flags(values, "nuclei")
    values.string("output_dir", "runs/benchmark_bit_depth", "Folder of results.json.")
    values.integer("images", 20, "Number of pictures, the first by name.", 1)
    values.float("noise", 0.5, "Standard deviation of the noise, in steps of 8 bits.", 0)


def main(values: cli.Flags) -> None:
    """Runs the program."""
    import tensorflow as tf
    from tqdm import tqdm

    from affinity_seg.data import pictures
    from affinity_seg.evaluation import dsb, truth
    from affinity_seg.pipeline import prediction_runs

    items = tool_flags.list_labelled_images(values)[: values.images]
    network_dirs = tool_flags.model(values).network_dirs
    segmenter = prediction_runs.load_segmenter(tool_flags.config(values), *network_dirs)
    class_table = segmenter.class_table
    judged: dict[str, dict[str, np.ndarray]] = {}
    for item in tqdm(items, unit="image", disable=None):
        image = pictures.read(item.image_path, turned=False, choice=item.choice)
        target = truth.read_truth(item, class_table, image.shape[:2])
        for name, picture in _versions(image, values.noise).items():
            ids = segmenter.segment(tf.constant(picture)).as_numpy().instance_ids
            masks = [ids == number for number in range(1, ids.max() + 1)]
            judged.setdefault(name, {})[item.name] = dsb.score_image(target, masks)
    rows = []
    for name, scores in judged.items():
        found = dsb.scores_of(scores, class_table)
        per_iou = {f"dsb_{t}": found["score_per_iou"][t] for t in ("0.50", "0.70", "0.90")}
        rows.append({"picture": name, **per_iou, "mean": found["mean_score"]})
    runs.print_table(f"scores of {len(items)} pictures", rows)
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, rows)
    print(f"\nwritten: {path}")


def _versions(image: np.ndarray, noise: float) -> dict[str, np.ndarray]:
    """Returns a picture, uint8 RGB [H, W, 3], as it is read in 8 bits and in 16 bits."""
    random = np.random.default_rng(0)
    steps = random.normal(0, noise, (*image.shape[:2], 1))
    noisy = np.clip(np.rint(image + steps), 0, 255).astype(np.uint8)
    versions = {"8 bits": image, "8 bits with noise": noisy}
    for most in _COUNTS:
        values = np.rint((image + steps) * (most / 255))
        versions[f"16 bits, 0-{most}"] = _read(np.clip(values, 0, 2**16 - 1).astype(np.uint16))
    return versions


def _read(values: np.ndarray) -> np.ndarray:
    """Returns what is read of a TIFF file with these values."""
    import tifffile

    from affinity_seg.data import pictures

    file = io.BytesIO()
    tifffile.imwrite(file, values, photometric="rgb")
    return pictures.decode("tiff", file.getvalue())


if __name__ == "__main__":
    cli.start(__name__)
