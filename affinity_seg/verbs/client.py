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
from typing import TYPE_CHECKING

from affinity_seg import class_tables, cli, labels, rejected_inputs, tool_flags
from affinity_seg.data import listing
from affinity_seg.data.items import Item

if TYPE_CHECKING:
    from affinity_seg.export.formats.picture import SegmentedPicture
    from affinity_seg.instances import Instances
    from affinity_seg.serving import client


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
    from affinity_seg.serving import client

    class_table = _class_table(values)
    items = listing.list_pictures(values.input)
    settings = client.Settings(values.model_name, values.timeout, values.wait, _tell)
    writer = tool_flags.writer(values, items)
    rejected = rejected_inputs.RejectedInputs(values.output_dir, values.strict or len(items) == 1)
    lost = None
    with client.connect(values.server, settings) as server:
        try:
            for item in items:
                with rejected.listed(item.name, item.image_path):
                    picture = _segment(server, item, class_table, values.pixel_size)
                    converted = writer.convert(picture)
                if item.name not in rejected:
                    paths = writer.write(item.name, converted)
                    count = len(picture.instances.classes)
                    print(f"{count} instances: {', '.join(paths) or item.name}")
        except _ServerLostError as error:
            lost = error
    for path in writer.finish():
        print(f"written: {path}")
    status = rejected.finish()
    if lost is not None:
        sys.exit(str(lost))
    return status


class _ServerLostError(Exception):
    """The server is not ready and was waited for long enough; no fault of an input."""


def _class_table(values: cli.Flags) -> labels.ClassTable:
    """Returns the classes of the served model."""
    from affinity_seg.serving import saved_model

    if (values.model is None) == (values.class_table is None):
        raise ValueError("one of `--model` and `--class_table` must be given, for names of classes")
    if values.model is None:
        return class_tables.load_class_table(values.class_table)
    return saved_model.read_class_table(saved_model.newest_version(values.model))


def _segment(
    server: "client.Client", item: Item, class_table: labels.ClassTable, pixel_size: float | None
) -> "SegmentedPicture":
    """Returns a picture with the instances that the server finds.

    Raises:
      _ServerLostError: The server is not ready.
      ServerError: It refused the picture.
      ValueError: The picture is damaged, or the server has other classes.
    """
    from affinity_seg.data import picture_files, pictures
    from affinity_seg.data.windows import WindowedPicture
    from affinity_seg.export.formats.picture import SegmentedPicture

    path = item.image_path
    content = pictures.read_bytes(path)
    pixels = pictures.decode_values(path, content, picture_files.FORMATS, turned=True)
    instances = _ask(server, item, content)
    if instances.classes.max(initial=0) >= class_table.num_classes:
        raise ValueError(
            f"{path}: `--model` or `--class_table` must be that of the server's model: "
            f"{class_table.num_classes} classes, the server found class {instances.classes.max()}"
        )
    return SegmentedPicture(
        item.name,
        item.filename,
        WindowedPicture(pictures.to_image(path, pixels), pixels),
        instances,
        class_table,
        pixel_size=pixel_size,
    )


def _ask(server: "client.Client", item: Item, content: bytes) -> "Instances":
    """Returns the server's instances of a picture's file."""
    from affinity_seg.serving import readiness

    try:
        (instances,) = server.segment([content])
    except readiness.NotReadyError as error:
        raise _ServerLostError(
            f"{item.name} and what follows it was not segmented, for lack of a server: {error}"
        ) from error
    except readiness.ServerError as error:
        raise readiness.ServerError(f"{item.image_path}: {error}") from error
    return instances


def _tell(line: object) -> None:
    print(line, file=sys.stderr, flush=True)
