r"""Serves a training's input from other processes or machines: TensorFlow's tf.data service.

    python tools/serve_data.py --port=5050
    python tools/serve_data.py --dispatcher=host0:5050 --address=host1:5051
    python tools/train.py ... --params_override=task.train_data.enable_tf_data_service=true,\
        task.train_data.tf_data_service_address=grpc://host0:5050,\
        task.train_data.tf_data_service_job_name=any_name

The first is the dispatcher, the second one of any number of workers, which read the TFRecords (at
the same paths as the training) and make the crops. Both run until they are stopped.
"""

from absl import flags

from affinity_seg import cli

flags.DEFINE_integer("port", 5050, "Port of the dispatcher.", lower_bound=0, upper_bound=65535)
flags.DEFINE_string("dispatcher", None, "host:port of the dispatcher; makes this a worker.")
flags.DEFINE_string("address", None, "host:port at which trainings reach this worker.")
FLAGS = flags.FLAGS


def main():
    import tensorflow as tf  # Not before `cli` has made it quiet.

    service = tf.data.experimental.service
    if FLAGS.dispatcher is None:
        if FLAGS.address is not None:
            raise ValueError(
                f"`--address` is a worker's, who needs `--dispatcher`: {FLAGS.address}"
            )
        server = service.DispatchServer(service.DispatcherConfig(port=FLAGS.port))
        print(f"dispatcher: {server.target}", flush=True)
    else:
        host, colon, port = (FLAGS.address or "").rpartition(":")
        if not (host and colon and port.isdecimal() and int(port) < 2**16):
            raise ValueError(f"`--address` must be host:port of this worker: {FLAGS.address}")
        server = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=FLAGS.dispatcher,
                worker_address=FLAGS.address,
                port=int(port),
                dispatcher_timeout_ms=20_000,
            )
        )
        print(f"worker: {FLAGS.address}", flush=True)
    server.join()


if __name__ == "__main__":
    cli.run(main)
