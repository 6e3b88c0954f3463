r"""Prepares the input of trainings on other machines: TensorFlow's tf.data service.

    affinity_seg serve_data --port=5050
    affinity_seg serve_data --dispatcher=host0:5050 --address=host1:5051
    affinity_seg train ... --params_override=task.train_data.enable_tf_data_service=true,\
        task.train_data.tf_data_service_address=grpc://host0:5050,\
        task.train_data.tf_data_service_job_name=any_name

The first is the dispatcher, the second one of any number of workers, which read the TFRecords (at
the same paths as the training) and make the crops. Both run until they are stopped.
"""

from affinity_seg import cli


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.integer("port", 5050, "Port of the dispatcher.", 0, 65535)
    values.string("dispatcher", None, "host:port of the dispatcher; makes this a worker.")
    values.string("address", None, "host:port at which trainings reach this worker.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    import tensorflow as tf

    service = tf.data.experimental.service
    if values.dispatcher is None:
        if values.address is not None:
            raise ValueError(
                f"`--address` is a worker's, who needs `--dispatcher`: {values.address}"
            )
        server = service.DispatchServer(service.DispatcherConfig(port=values.port))
        print(f"dispatcher: {server.target}", flush=True)
    else:
        host, colon, port = (values.address or "").rpartition(":")
        if not (host and colon and port.isdecimal() and int(port) < 2**16):
            raise ValueError(f"`--address` must be host:port of this worker: {values.address}")
        server = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=values.dispatcher,
                worker_address=values.address,
                port=int(port),
                dispatcher_timeout_ms=20_000,
            )
        )
        print(f"worker: {values.address}", flush=True)
    server.join()
