r"""Sends pictures to a model server and writes their instances.

    affinity_seg client --server=grpc://localhost:8500 --input=a.png --input=b.jpg \
        --model=runs/demo/export --output_dir=out

Writes an overlay and a JSON file for each, or what --formats names, as `affinity_seg segment` does.
The class names are read from --model, the folder of the served model, or from --class_table if the
client does not have that folder. --server: grpc:// and http:// are the gRPC and REST interfaces of
TensorFlow Serving, v2+http:// is the interface of `affinity_seg serve`. A picture that is damaged
or refused by the server is listed in rejected.json, and the client goes on with the others.
"""

import sys

from affinity_seg import class_tables, cli, rejected_inputs, tool_flags
from affinity_seg.data import listing


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    what = "grpc://, http:// or v2+http://host:port."
    values.string("server", "grpc://localhost:8500", what)
    values.multi_string("input", None, "A picture, or a folder of pictures.", required=True)
    tool_flags.define_output_flag(values, "Folder for the files.")
    tool_flags.define_formats_flags(values)
    values.string("model", None, "Folder of the exported model, for its classes.")
    what = "Classes of the served model, if there is no --model: a table's name or a YAML file."
    values.string("class_table", None, what)
    values.string("model_name", "affinity_seg", "Name under which the model is served.")
    values.float("timeout", 60.0, "Longest time for the response to one try, seconds.")
    values.float("wait", 60.0, "For how long to retry if the server is not ready, seconds.")
    tool_flags.define_strict_flag(values)


def main(values: cli.Flags) -> int:
    """Runs the verb."""
    tool_flags.check_formats(values)
    from affinity_seg.data import picture_files, pictures
    from affinity_seg.data.windows import WindowedPicture
    from affinity_seg.export.formats.picture import SegmentedPicture
    from affinity_seg.serving import client, readiness, saved_model

    if (values.model is None) == (values.class_table is None):
        raise ValueError("one of `--model` and `--class_table` must be given, for names of classes")
    if values.model is None:
        class_table = class_tables.load_class_table(values.class_table)
    else:
        class_table = saved_model.read_class_table(saved_model.newest_version(values.model))
    items = listing.list_pictures(values.input)
    settings = client.Settings(values.model_name, values.timeout, values.wait, _tell)
    writer = tool_flags.writer(values, items)
    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict or len(items) == 1)
    stopped = None
    with client.connect(values.server, settings) as server:
        for item in items:
            path = item.image_path
            with rejected.listed(item.name, path):
                content = pictures.read_bytes(path)
                pixels = pictures.decode_values(path, content, picture_files.FORMATS, turned=True)
                try:
                    (instances,) = server.segment([content])
                except readiness.NotReadyError as error:
                    stopped = error
                    break
                except readiness.ServerError as error:
                    raise readiness.ServerError(f"{path}: {error}") from error
                if instances.classes.max(initial=0) >= class_table.num_classes:
                    raise ValueError(
                        f"{path}: `--model` or `--class_table` must be that of the server's model: "
                        f"{class_table.num_classes} classes, the server found class "
                        f"{instances.classes.max()}"
                    )
                picture = SegmentedPicture(
                    item.name,
                    item.filename,
                    WindowedPicture(pictures.to_image(path, pixels), pixels),
                    instances,
                    class_table,
                    pixel_size=values.pixel_size,
                )
                converted = writer.convert(picture)
            if item.name not in rejected:
                paths = writer.write(item.name, converted)
                print(f"{len(instances.classes)} instances: {', '.join(paths) or item.name}")
    for path in writer.finish():
        print(f"written: {path}")
    status = rejected.finish()
    if stopped is not None:
        sys.exit(
            f"{item.name} and what follows it was not segmented, for lack of a server: {stopped}"
        )
    return status


def _tell(line: object) -> None:
    print(line, file=sys.stderr, flush=True)
