r"""Asks a model server for the instances of pictures: overlays to look at and JSON files.

    python tools/serving_client.py --server=grpc://localhost:8500 --input=a.png --input=b.jpg \
        --class_table=runs/demo/export/1/assets.extra/class_table.yaml --output_dir=out

Writes <name>_instances.png and <name>_instances.json for each, as tools/segment.py does. http://
asks the server's REST interface, v2+http:// that of tools/serve.py. A picture that is damaged, or
that the server refuses, does not stop the others; the status is 1 then.
"""

import sys

from absl import flags

from affinity_seg import cli, labels, tool_flags
from affinity_seg.data import listing

flags.DEFINE_string("server", "grpc://localhost:8500", "grpc://, http:// or v2+http://host:port.")
tool_flags.define_input_flag("A picture, or a folder of pictures.", "image", multi=True)
flags.DEFINE_string("output_dir", None, "Folder for the files.", required=True)
flags.DEFINE_string("model_name", "affinity_seg", "Name under which the model is served.")
flags.DEFINE_float("timeout", 60.0, "Longest wait for the answer to one try, seconds.")
flags.DEFINE_float("wait", 60.0, "How long a server that is not ready is asked again, seconds.")
tool_flags.define_class_table_flag()
FLAGS = flags.FLAGS


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main():
    from affinity_seg.data import pictures
    from affinity_seg.export import segmentation
    from affinity_seg.serving import client

    class_table = labels.load_class_table(FLAGS.class_table)
    settings = client.Settings(FLAGS.model_name, FLAGS.timeout, FLAGS.wait, _tell)
    items = listing.list_pictures(FLAGS.input)
    refused = 0
    with client.connect(FLAGS.server, settings) as server:
        for name, _, path, _ in items:
            try:
                image = pictures.read(path)
                with open(path, "rb") as file:
                    (instances,) = server.segment([file.read()])
            except (OSError, ValueError) as error:
                print(error if path in str(error) else f"{path}: {error}", file=sys.stderr)
                refused += 1
                continue
            written = segmentation.write_segmentation(
                FLAGS.output_dir, name, image, instances, class_table
            )
            print(f"{len(instances.classes)} instances: {', '.join(written)}")
    if refused:
        sys.exit(f"{refused} of {len(items)} pictures were refused")


if __name__ == "__main__":
    cli.run(main)
