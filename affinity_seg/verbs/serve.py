"""Serves a model: a page to look at pictures, or an exported model by REST and gRPC.

    affinity_seg serve --model=nuclei
    affinity_seg serve --model=runs/demo/export

With the folder of a model, or the name of one that ships, it serves a page: drop a picture, see its
instances, choose the thresholds of the merge, and download the results (docs/page.md).

With a SavedModel that `affinity_seg export` wrote, or a folder of versions, of which the newest is
taken, it serves REST and gRPC (V2 protocol, mlserver), without Docker. Send pictures with
`affinity_seg client --server=v2+http://localhost:8080`; docs/serving.md has the settings.

It prints a line when it is ready. It listens on this machine only, unless --host says otherwise.
"""

import asyncio
import errno
import importlib.util
import logging
import os
import socket
import tempfile
from collections.abc import Sequence

from affinity_seg import cli, tool_flags

_OF_THE_PAGE = (
    "preset",
    "override",
    "max_megabytes",
    "max_pixels",
    "timeout",
    "keep_minutes",
    "keep_pictures",
    "keep_megabytes",
)
_OF_AN_EXPORTED_MODEL = ("model_name", "grpc_port", "metrics_port", "workers", "threads")
_ONLY_HERE = ("127.0.0.1", "::1", "localhost")
"""Addresses that no other machine reaches."""


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    tool_flags.define_model_flags(values)
    values.string("host", "127.0.0.1", "Address to listen at; 0.0.0.0: all interfaces.")
    values.integer("http_port", 8080, "Port of the page, or of REST.", 1, 65535)
    page, exported = "For the page: ", "For an exported model: "
    what = "largest file of a picture, 10^6 bytes."
    values.integer("max_megabytes", 64, page + what, 1, 2000)
    values.integer("max_pixels", 2**22, page + "largest number of pixels of a picture.", 2, 2**26)
    what = "how long an upload may take, and how long it may wait for others, seconds."
    values.float("timeout", 60.0, page + what, 1.0, 3600.0)
    what = "a picture is forgotten if it was not used for so long, minutes."
    values.float("keep_minutes", 15.0, page + what, 0.01, 1440.0)
    what = "largest number of pictures; the one not used for longest is forgotten first."
    values.integer("keep_pictures", 16, page + what, 1)
    what = "largest memory of all pictures, 10^6 bytes; the last one is always kept."
    values.integer("keep_megabytes", 2000, page + what, 1)
    values.string("model_name", "affinity_seg", exported + "name under which it is served.")
    values.integer("grpc_port", 8081, exported + "port of gRPC.", 1, 65535)
    values.integer("metrics_port", 8082, exported + "port of /metrics.", 1, 65535)
    what = "processes that hold the model; 0: the server's own."
    values.integer("workers", 1, exported + what, 0)
    what = "threads of each worker; 0: one for each core."
    values.integer("threads", 0, exported + what, 0)


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.serving import saved_model

    folder = saved_model.find_version(values.model)
    if folder is None:
        cli.refuse_given(values, _OF_AN_EXPORTED_MODEL, "only for an exported model")
        _check_ports(values, ("http_port",))
        _serve_page(values)
    else:
        cli.refuse_given(values, _OF_THE_PAGE, "only for the page, not for an exported model")
        if importlib.util.find_spec("mlserver") is None:
            raise ValueError("this needs `pip install 'affinity-seg[mlserver]'`")
        _check_ports(values, ("http_port", "grpc_port", "metrics_port"))
        with tempfile.TemporaryDirectory(prefix="affinity_seg_serve_") as scratch:
            asyncio.run(_serve(values, os.path.abspath(folder), scratch))


def _serve_page(values: cli.Flags) -> None:
    """Serves the page until the process is interrupted."""
    from affinity_seg.pipeline import prediction_runs
    from affinity_seg.serving.page.application import Application, Settings
    from affinity_seg.serving.page.served_picture import Reader
    from affinity_seg.serving.page.server import Server
    from affinity_seg.serving.page.store import Limits, Store

    network_dirs = tool_flags.model(values).network_dirs
    segmenter = prediction_runs.load_segmenter(tool_flags.config(values), *network_dirs)
    store = Store(
        Limits(values.keep_minutes * 60, values.keep_pictures, values.keep_megabytes * 10**6)
    )
    preset = [f"--preset={values.preset}"] if values.preset is not None else []
    settings = Settings(
        values.model,
        (*preset, *(f"--override={one}" for one in values.override)),
        values.host,
        values.max_megabytes * 10**6,
        values.max_pixels,
        values.timeout,
    )
    reader = Reader(segmenter, values.max_pixels, values.timeout)
    server = Server(values.host, values.http_port, Application(reader, store, settings), store)
    _warn_of_others(values)
    print(f"ready: {values.model} at {_url(values.host, server.port)}", flush=True)
    server.serve_forever()


async def _serve(values: cli.Flags, folder: str, scratch: str) -> None:
    import mlserver
    from mlserver.settings import ModelParameters

    server = mlserver.MLServer(
        mlserver.Settings(
            debug=False,
            host=values.host,
            http_port=values.http_port,
            grpc_port=values.grpc_port,
            grpc_max_message_length=-1,
            metrics_port=values.metrics_port,
            metrics_dir=scratch,
            parallel_workers=values.workers,
            model_repository_root=scratch,
        )
    )
    version = os.path.basename(folder)
    parameters = ModelParameters(
        uri=folder,
        version=version if version.isdecimal() else None,
        extra={"threads": values.threads},
    )
    model = mlserver.ModelSettings(
        name=values.model_name,
        implementation="affinity_seg.serving.mlserver_runtime.ExportedModel",
        platform="tensorflow_savedmodel",
        parameters=parameters,
    )
    logging.getLogger("mlserver").propagate = False  # It has a handler; absl's would repeat it.
    _warn_of_others(values)
    ready = asyncio.create_task(_say_when_ready(values))
    await server.start([model])
    if ready.done():
        return
    ready.cancel()
    raise ValueError(f"{folder}: not served, the reason is above")


async def _say_when_ready(values: cli.Flags) -> None:
    """Waits until the model is loaded."""
    import requests

    server = _url(values.host, values.http_port)
    url = f"{server}/v2/models/{values.model_name}/ready"
    while True:
        await asyncio.sleep(0.5)
        try:
            answer = await asyncio.to_thread(requests.get, url, timeout=5)
        except requests.RequestException:
            continue
        if answer.ok:
            print(f"ready: {values.model_name} at {server}, gRPC at {values.grpc_port}", flush=True)
            return


def _warn_of_others(values: cli.Flags) -> None:
    """Warns if other machines can reach the server."""
    if values.host not in _ONLY_HERE:
        print(
            f"warning: everybody who reaches {values.host} can use this server, and the pictures "
            "go over the network unencrypted; there is no password"
        )


def _url(host: str, port: int) -> str:
    """Returns the address of a server; that of IPv6 stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _check_ports(values: cli.Flags, names: Sequence[str]) -> None:
    """Raises ValueError if something listens at one of the ports, given by their flags."""
    family = socket.AF_INET6 if ":" in values.host else socket.AF_INET
    for name in names:
        try:
            socket.create_server((values.host, values[name].value), family=family).close()
        except OSError as error:
            # Numbers of errors in looking up a name are negative.
            if error.errno == errno.EADDRNOTAVAIL or (error.errno or 0) < 0:
                raise ValueError(
                    f"`--host` must be an address of this machine: {values.host}: {error}"
                ) from error
            raise ValueError(f"`--{name}` must be free: {values[name].value}: {error}") from error
