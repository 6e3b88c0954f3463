"""Serves an exported model by REST and gRPC (V2 protocol, mlserver), without Docker.

    python tools/serve.py --model_dir=runs/demo/export

--model_dir is a SavedModel of tools/export_saved_model.py, or a folder of versions, of which the
newest is served. Says when it is ready. Ask it with `tools/serving_client.py
--server=v2+http://localhost:8080`; docs/serving.md has the settings.
"""

import asyncio
import importlib.util
import logging
import os
import socket
import tempfile

from absl import flags

from affinity_seg import cli

flags.DEFINE_string("model_dir", None, "Folder of the exported model.", required=True)
flags.DEFINE_string("model_name", "affinity_seg", "Name under which the model is served.")
flags.DEFINE_string("host", "127.0.0.1", "Where to listen; 0.0.0.0 is everywhere.")
flags.DEFINE_integer("http_port", 8080, "Port of REST.", lower_bound=1, upper_bound=65535)
flags.DEFINE_integer("grpc_port", 8081, "Port of gRPC.", lower_bound=1, upper_bound=65535)
flags.DEFINE_integer("metrics_port", 8082, "Port of /metrics.", lower_bound=1, upper_bound=65535)
flags.DEFINE_integer("workers", 1, "Processes that hold the model; 0: the server's own.", 0)
flags.DEFINE_integer("threads", 0, "Threads of each worker; 0: one for each core.", 0)
FLAGS = flags.FLAGS


async def _serve(folder: str, scratch: str) -> None:
    import mlserver
    from mlserver.settings import ModelParameters

    server = mlserver.MLServer(
        mlserver.Settings(
            debug=False,
            host=FLAGS.host,
            http_port=FLAGS.http_port,
            grpc_port=FLAGS.grpc_port,
            grpc_max_message_length=-1,
            metrics_port=FLAGS.metrics_port,
            metrics_dir=scratch,
            parallel_workers=FLAGS.workers,
            model_repository_root=scratch,
        )
    )
    version = os.path.basename(folder)
    parameters = ModelParameters(
        uri=folder,
        version=version if version.isdecimal() else None,
        extra={"threads": FLAGS.threads},
    )
    model = mlserver.ModelSettings(
        name=FLAGS.model_name,
        implementation="affinity_seg.serving.mlserver_runtime.ExportedModel",
        platform="tensorflow_savedmodel",
        parameters=parameters,
    )
    logging.getLogger("mlserver").propagate = False  # It has a handler; absl's would repeat it.
    ready = asyncio.create_task(_say_when_ready())
    await server.start([model])
    if ready.done():
        return
    ready.cancel()
    raise ValueError(f"{folder}: not served, the reason is above")


async def _say_when_ready() -> None:
    """Waits until the model is loaded."""
    import requests

    server = f"http://{FLAGS.host}:{FLAGS.http_port}"
    url = f"{server}/v2/models/{FLAGS.model_name}/ready"
    while True:
        await asyncio.sleep(0.5)
        try:
            answer = await asyncio.to_thread(requests.get, url, timeout=5)
        except requests.RequestException:
            continue
        if answer.ok:
            print(f"ready: {FLAGS.model_name} at {server}, gRPC at {FLAGS.grpc_port}", flush=True)
            return


def _check_ports() -> None:
    """Raises ValueError if something listens at one of the ports."""
    for name in ("http_port", "grpc_port", "metrics_port"):
        try:
            socket.create_server((FLAGS.host, FLAGS[name].value)).close()
        except OSError as error:
            raise ValueError(f"`--{name}` must be free: {FLAGS[name].value}: {error}") from error


def main():
    if importlib.util.find_spec("mlserver") is None:
        raise ValueError("this needs `pip install 'affinity-seg[mlserver]'`")
    _check_ports()
    from affinity_seg.serving import saved_model

    folder = os.path.abspath(saved_model.newest_version(FLAGS.model_dir))
    with tempfile.TemporaryDirectory(prefix="affinity_seg_serve_") as scratch:
        asyncio.run(_serve(folder, scratch))


if __name__ == "__main__":
    cli.run(main)
