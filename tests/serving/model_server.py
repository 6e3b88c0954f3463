"""The two interfaces of TensorFlow Serving over an exported model, for tests of the clients."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import threading

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

_STATUS = {
    tf.errors.InvalidArgumentError: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    ConnectionError: (grpc.StatusCode.UNAVAILABLE, 503),
    LookupError: (grpc.StatusCode.NOT_FOUND, 404),
}


STARTING = ConnectionError("the model is not loaded yet")
LOADING = LookupError("Servable not found for request: Latest(affinity_seg)")
"""What TensorFlow Serving answers for a model that is still loading."""


class Model:
    """A loaded model; its next `failures` requests are answered by `failure`."""

    def __init__(self, folder):
        self._signatures = tf.saved_model.load(str(folder)).signatures
        self.failures = 0
        self.failure = STARTING
        self.requests = 0

    def predict(self, name, signature, inputs):
        self.requests += 1
        if self.failures:
            self.failures -= 1
            raise self.failure
        if name != "affinity_seg":
            raise tf.errors.InvalidArgumentError(None, None, f"no model {name}")
        return self._signatures[signature](**inputs)


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model):
        self._model = model

    def Predict(self, request, context):  # noqa: N802
        inputs = {key: tf.constant(tf.make_ndarray(v)) for key, v in request.inputs.items()}
        spec = request.model_spec
        try:
            found = self._model.predict(spec.name, spec.signature_name, inputs)
        except tuple(_STATUS) as error:
            context.abort(_STATUS[type(error)][0], str(error))
        response = predict_pb2.PredictResponse()
        for key in request.output_filter or found:
            response.outputs[key].CopyFrom(tf.make_tensor_proto(found[key].numpy()))
        return response


@contextlib.contextmanager
def grpc_server(model, port=0):
    """Yields the address of a gRPC server; 0 is any free port."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Servicer(model), server)
    port = server.add_insecure_port(f"localhost:{port}")
    server.start()
    try:
        yield f"grpc://localhost:{port}"
    finally:
        server.stop(None)


@contextlib.contextmanager
def rest_server(model, port=0):
    """Yields the address of a REST server; 0 is any free port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = self.path.split("/")[3].partition(":")[0]
            try:
                inputs = {
                    key: tf.constant([base64.b64decode(v["b64"]) for v in values], tf.string)
                    for key, values in body["inputs"].items()
                }
                found = model.predict(name, body["signature_name"], inputs)
                status, answer = 200, {"outputs": {k: _as_json(k, v) for k, v in found.items()}}
            except tuple(_STATUS) as error:
                status, answer = _STATUS[type(error)][1], {"error": str(error)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *unused):
            pass

    server = http.server.ThreadingHTTPServer(("localhost", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _as_json(name, values):
    if values.dtype != tf.string:
        return values.numpy().tolist()
    assert name.endswith("_bytes")  # TensorFlow Serving writes others as text.
    return [{"b64": base64.b64encode(v).decode()} for v in values.numpy()]
