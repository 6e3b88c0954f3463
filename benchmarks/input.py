"""Times the input pipeline on one core, stage by stage.

    python -m benchmarks.input --output_dir=runs/benchmark_input

Without --input_path it renders synthetic streets of 1024x2048 into a temporary folder and measures
TFRecords of crops of them and of whole images. A row adds one stage to the rows above it; those
with a plus, which are off in the paper, and the last are each alone on top of `batch`. The last
table compares whole images whose records hold tiles, as the product writes them, with records that
hold each PNG file in one piece: streets as rendered, and with the blur and noise of a camera, which
makes them as large as the files of Cityscapes. Everything runs on one thread. Examples a second of
CPU time are those a free core reaches; those of wall time suffer from other programs. Prints tables
and writes results.json.
"""

import os
import tempfile

from affinity_seg import class_tables, cli, files


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/benchmark_input", "Folder of results.json.")
    values.string("input_path", None, "Pattern of TFRecords; default: streets made for it.")
    values.string("class_table", "cityscapes", "Of --input_path: 'cityscapes' or a YAML file.")
    values.integer("crop_size", 513, "Side of the crops, pixels.", 32)
    values.integer("batch_size", 4, "Crops of a batch.", 1)
    values.integer("examples", 16, "Read in each turn.", 1)
    values.integer("repetitions", 7, "Turns; their median counts.", 1)
    values.integer("seed", 1, "Seed of the streets.", 0)


def main(values: cli.Flags):
    """Runs the program."""
    import tensorflow as tf  # Not before `cli` has made it quiet.

    from affinity_seg.configs import training_data
    from affinity_seg.data import tfrecords
    from benchmarks import input_records, input_stages, runs

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    class_table = class_tables.load_class_table(values.class_table)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        if values.input_path is None:
            sets = input_records.write_records(folder, crop_size=values.crop_size, seed=values.seed)
            formats = input_records.write_formats(
                os.path.join(folder, "formats"), os.path.join(folder, "streets"), values.seed
            )
        else:
            tfrecords.require_shards(values.input_path)
            sets, formats = {values.input_path: values.input_path}, {}
        for name, pattern in sets.items():
            config = training_data.DataConfig(
                input_path=pattern,
                is_training=True,
                crop_size=[values.crop_size] * 2,
                global_batch_size=values.batch_size,
            )
            config.check()
            results[name] = input_stages.measure_stages(
                config, class_table, examples=values.examples, repetitions=values.repetitions
            )
            runs.print_table(f"{name}, one thread", results[name])
        if formats:
            results["formats"] = input_stages.measure_formats(
                formats,
                config,
                class_table,
                examples=values.examples,
                repetitions=values.repetitions,
            )
            runs.print_table("whole images, batches of crops, one thread", results["formats"])
    path = os.path.join(values.output_dir, "results.json")
    files.write_json(path, results)
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    cli.start(__name__)
