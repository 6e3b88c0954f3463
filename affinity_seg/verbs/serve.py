"""Serves an exported model by REST and gRPC (V2 protocol, mlserver), without Docker.

    affinity_seg serve --model=runs/demo/export

--model is a SavedModel that `affinity_seg export` wrote, or a folder of versions, of which the
newest is served. It prints a line when it is ready. Send pictures with `affinity_seg client
--server=v2+http://localhost:8080`; docs/serving.md has the settings.
"""

import asyncio
import importlib.util
import logging
import os
import socket
import tempfile

from affinity_seg import cli


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("model", None, "Folder of the exported model.", required=True)
    values.string("model_name", "affinity_seg", "Name under which the model is served.")
    values.string("host", "127.0.0.1", "Address to listen at; 0.0.0.0: all interfaces.")
    values.integer("http_port", 8080, "Port of REST.", 1, 65535)
    values.integer("grpc_port", 8081, "Port of gRPC.", 1, 65535)
    values.integer("metrics_port", 8082, "Port of /metrics.", 1, 65535)
    values.integer("workers", 1, "Processes that hold the model; 0: the server's own.", 0)
    values.integer("threads", 0, "Threads of each worker; 0: one for each core.", 0)


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    if importlib.util.find_spec("mlserver") is None:
        raise ValueError("this needs `pip install 'affinity-seg[mlserver]'`")
    _check_ports(values)
    from affinity_seg.serving import saved_model

    folder = os.path.abspath(saved_model.newest_version(values.model))
    with tempfile.TemporaryDirectory(prefix="affinity_seg_serve_") as scratch:
        asyncio.run(_serve(values, folder, scratch))


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
    ready = asyncio.create_task(_say_when_ready(values))
    await server.start([model])
    if ready.done():
        return
    ready.cancel()
    raise ValueError(f"{folder}: not served, the reason is above")


async def _say_when_ready(values: cli.Flags) -> None:
    """Waits until the model is loaded."""
    import requests

    server = f"http://{values.host}:{values.http_port}"
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


def _check_ports(values: cli.Flags) -> None:
    """Raises ValueError if something listens at one of the ports."""
    for name in ("http_port", "grpc_port", "metrics_port"):
        try:
            socket.create_server((values.host, values[name].value)).close()
        except OSError as error:
            raise ValueError(f"`--{name}` must be free: {values[name].value}: {error}") from error
