"""Runs both networks over the images of a data set and writes prediction records.

    python tools/predict.py --data_dir=runs/demo/streets --split=val \
        --preset=configs/presets/demo.yaml \
        --semantic_dir=runs/demo/semantic --affinity_dir=runs/demo/affinity \
        --output_dir=runs/demo/predictions

One TFRecord per image: logits at the networks' strides and the regions of interest. Started
again, it continues with the images that have no record; a record of another image of the same name
is refused. tools/merge.py makes instances of them.
"""

from absl import flags

from affinity_seg import cli
from affinity_seg.configs import inference
from affinity_seg.data import listing
from affinity_seg.inference import runs

flags.DEFINE_string("data_dir", None, "Folder of the data set.")
flags.DEFINE_enum("layout", "cityscapes", listing.LAYOUTS, "How the data set's files lie.")
flags.DEFINE_string("split", "val", "Part of the data set, for layout cityscapes.")
flags.DEFINE_string("semantic_dir", None, "Folder of the trained semantic network.")
flags.DEFINE_string("affinity_dir", None, "Folder of the trained affinity network.")
flags.DEFINE_string("preset", None, "YAML file of configs/presets; default: the paper's values.")
flags.DEFINE_multi_string("override", [], "field=value, changes one field of the preset.")
flags.DEFINE_string("output_dir", None, "Folder for the prediction records.")
flags.mark_flags_as_required(["data_dir", "semantic_dir", "affinity_dir", "output_dir"])
FLAGS = flags.FLAGS


def main():
    items = listing.list_images(FLAGS.data_dir, FLAGS.layout, FLAGS.split)
    config = inference.load_config(FLAGS.preset, FLAGS.override)
    count = runs.predict_images(
        items, config, FLAGS.semantic_dir, FLAGS.affinity_dir, FLAGS.output_dir
    )
    print(f"{FLAGS.output_dir}: {count} images predicted, {len(items) - count} were there already")


if __name__ == "__main__":
    cli.run(main)
