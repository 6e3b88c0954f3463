r"""Writes one HTML page about a run: settings, scores, curves, errors and a gallery.

    python tools/report.py --predictions_dir=runs/demo/predictions --results_dir=runs/demo/results \
        --input=runs/demo/streets --output=runs/demo/report.html

The page holds everything it shows, so it can be sent as it is. Images come worst first. Without
truth, as on a test split, it has no tables and images come by name.
"""

import os

from absl import flags

from affinity_seg import cli, tool_flags
from affinity_seg.labels import load_class_table

flags.DEFINE_string("predictions_dir", None, "Folder that tools/predict.py wrote.")
flags.DEFINE_string("results_dir", None, "Folder that tools/merge.py wrote.")
tool_flags.define_data_flags()
tool_flags.define_class_table_flag()
flags.DEFINE_string("output", None, "The HTML file.")
flags.DEFINE_integer("max_images", 30, "So many images in the gallery.", 0)
flags.mark_flags_as_required(["predictions_dir", "results_dir", "output"])
FLAGS = flags.FLAGS


def main():
    from affinity_seg.visualization import report, report_page

    os.makedirs(os.path.dirname(os.path.abspath(FLAGS.output)), exist_ok=True)
    gathered = report.gather(
        FLAGS.input,
        FLAGS.layout,
        FLAGS.split,
        load_class_table(FLAGS.class_table),
        predictions_dir=FLAGS.predictions_dir,
        results_dir=FLAGS.results_dir,
        max_images=FLAGS.max_images,
    )
    report_page.write_page(FLAGS.output, gathered)
    print(f"{FLAGS.output}: {gathered.num_images} images, {len(gathered.gallery)} in the gallery")


if __name__ == "__main__":
    cli.run(main)
