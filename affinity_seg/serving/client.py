"""Asks a model server for the instances of pictures, by gRPC or REST."""

import abc
import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import requests
import tensorflow as tf
from absl import logging

from affinity_seg.data import picture_headers
from affinity_seg.instances import Instances
from affinity_seg.serving import readiness
from affinity_seg.serving.readiness import NotReadyError, ServerError
from affinity_seg.serving.signatures import COMPACT, IMAGE_BYTES

_PNG = "instance_ids_png_bytes"
_OUTPUTS = ("num_instances", _PNG, "classes", "scores", "sizes", "boxes")
_V2 = "v2+"
_SCHEMES = ("grpc", "http", "https", f"{_V2}http", f"{_V2}https")

_LONGEST_TIMEOUT = 1e6
"""Seconds; a socket takes no infinite one."""


class Settings(NamedTuple):
    """Settings of a client.

    Attributes:
      model_name: Name under which the model is served.
      timeout: Longest time for the response to one try, seconds.
      wait: For how long to retry if the server is not ready, seconds, see `readiness.Patience`;
        0: no retry.
      tell: Called with a line that describes what the client waits for.
    """

    model_name: str = "affinity_seg"
    timeout: float = 60.0
    wait: float = 60.0
    tell: Callable[[str], None] = logging.warning


class Client(abc.ABC):
    """A connection to a server; close it, or use it in a `with` statement."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._patience = readiness.Patience(settings.wait, settings.tell)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *unused) -> None:
        self.close()

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the connection."""

    @abc.abstractmethod
    def _ask(self, contents: Sequence[bytes]) -> Mapping[str, Any]:
        """Sends one request.

        Returns:
          The outputs of `_OUTPUTS`; arrays, but the PNG files are a list of bytes.

        Raises:
          NotReadyError: The request failed, and another try may work.
          ServerError: The request failed, and another try would fail as well.
        """

    def segment(self, contents: Sequence[bytes]) -> list[Instances]:
        """Returns the instances of pictures.

        Args:
          contents: PNG, JPEG or BMP files, at least one; turned by their EXIF orientation.

        Returns:
          The instances of each, without votes, which servers do not return.

        Raises:
          ServerError: The server was not ready within `wait` seconds, did not respond in time, or
            refused a picture.
        """
        return parse_answer(self._patience.ask(lambda: self._ask(contents)))


def _decode_ids(encoded: bytes) -> np.ndarray:
    """Returns the ids in a server's PNG, int [H, W]."""
    try:
        picture_headers.check_header("the server's PNG", encoded, ("PNG",))
    except ValueError as error:
        raise ServerError(str(error)) from error
    ids = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)
    if ids is None or ids.ndim != 2:
        raise ServerError("the server's PNG is damaged or has several channels")
    return ids


def parse_answer(answer: Mapping[str, Any]) -> list[Instances]:
    """Returns the instances of each picture of a response.

    Args:
      answer: Outputs of `signatures.InstanceServer`: arrays, but the PNG files may be a list.

    Raises:
      ServerError: A picture has more instances than a PNG of 16 bits can hold, or the PNG is
        damaged or too large by its header.
    """
    found = []
    for index, count in enumerate(np.asarray(answer["num_instances"])):
        encoded = answer[_PNG][index]
        if not encoded:
            raise ServerError(f"{count} instances do not fit the server's PNG of 16 bits")
        ids = _decode_ids(encoded)

        def listed(name, dtype, index=index, count=count):
            return np.asarray(answer[name][index][:count], dtype)

        found.append(
            Instances(
                instance_ids=ids.astype(np.int32),
                classes=listed("classes", np.int32),
                scores=listed("scores", np.float32),
                sizes=listed("sizes", np.int64),
                boxes=listed("boxes", np.int32).reshape(-1, 4),
            )
        )
    return found


def connect(server: str, settings: Settings = Settings()) -> Client:  # noqa: B008
    """Connects to a server.

    Args:
      server: "grpc://host:port", or "http://host:port" or "https://..." for REST, of TensorFlow
        Serving; "v2+http://..." or "v2+https://..." for the REST of a V2 server, such as
        `affinity_seg serve`.
      settings: The settings.

    Raises:
      ValueError: `server` is of another form, or a setting breaks a rule.
    """
    scheme, separator, address = server.partition("://")
    if not separator or not address or scheme not in _SCHEMES:
        raise ValueError(f"`server` must be one of {', '.join(_SCHEMES)}://host:port: {server!r}")
    if not settings.timeout > 0:
        raise ValueError(f"`timeout` must be positive: {settings.timeout}")
    if settings.timeout > _LONGEST_TIMEOUT:
        raise ValueError(f"`timeout` must be at most {_LONGEST_TIMEOUT:.0f}: {settings.timeout}")
    if not 0 <= settings.wait < math.inf:
        raise ValueError(f"`wait` must be finite and not negative: {settings.wait}")
    if scheme == "grpc":
        return _GrpcClient(address, settings)
    if scheme.startswith(_V2):
        return _V2Client(server.removeprefix(_V2), settings)
    return _RestClient(server, settings)


class _GrpcClient(Client):
    """`PredictionService` of TensorFlow Serving; messages of any size."""

    def __init__(self, target: str, settings: Settings):
        super().__init__(settings)
        try:
            import grpc
            from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
        except ImportError as error:
            raise ValueError("gRPC needs `pip install 'affinity-seg[serving]'`") from error

        self._grpc = grpc
        self._request_type = predict_pb2.PredictRequest
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            # By default gRPC tries to reconnect to a missing server only after up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ]
        self._target = f"grpc://{target}"
        self._channel = grpc.insecure_channel(target, options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def _ask(self, contents: Sequence[bytes]) -> Mapping[str, Any]:
        request = self._request_type()
        request.model_spec.name = self._settings.model_name
        request.model_spec.signature_name = COMPACT
        request.inputs[IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(contents, tf.string))
        request.output_filter.extend(_OUTPUTS)
        try:
            response = self._stub.Predict(request, timeout=self._settings.timeout)
        except self._grpc.RpcError as error:
            code, details = error.code(), error.details() or ""
            is_loading = code == self._grpc.StatusCode.NOT_FOUND and readiness.says_not_loaded(
                details
            )
            may_come = code == self._grpc.StatusCode.UNAVAILABLE or is_loading
            kind = NotReadyError if may_come else ServerError
            raise kind(f"{self._target}: {code.name}: {details}") from error
        return {name: tf.make_ndarray(response.outputs[name]) for name in _OUTPUTS}


class _HttpClient(Client):
    """A client that sends JSON to one address."""

    def __init__(self, url: str, settings: Settings):
        super().__init__(settings)
        self._url = url
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def _post(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the server's JSON."""
        try:
            response = self._session.post(self._url, json=body, timeout=self._settings.timeout)
        except requests.exceptions.SSLError as error:
            raise ServerError(f"{self._url}: {error}") from error
        except requests.ConnectionError as error:
            raise NotReadyError(f"{self._url}: {_reason(error)}") from error
        except requests.RequestException as error:
            raise ServerError(f"{self._url}: {error}") from error
        try:
            answer = response.json()
        except ValueError as error:
            if response.ok:
                raise ServerError(f"{self._url}: {error}") from error
            answer = response.text
        if response.ok:
            return answer
        reason = answer.get("error", answer) if isinstance(answer, dict) else answer
        raise readiness.http_error(self._url, response.status_code, str(reason))


class _RestClient(_HttpClient):
    """The REST interface of TensorFlow Serving."""

    def __init__(self, server: str, settings: Settings):
        super().__init__(f"{server.rstrip('/')}/v1/models/{settings.model_name}:predict", settings)

    def _ask(self, contents: Sequence[bytes]) -> Mapping[str, Any]:
        encoded = [{"b64": text} for text in _base64(contents)]
        body = {"signature_name": COMPACT, "inputs": {IMAGE_BYTES: encoded}}
        outputs = self._post(body)["outputs"]
        pictures = [base64.b64decode(png["b64"]) for png in outputs[_PNG]]
        return {**outputs, _PNG: pictures}


class _V2Client(_HttpClient):
    """The REST interface of the V2 protocol, as mlserver has it."""

    def __init__(self, server: str, settings: Settings):
        super().__init__(f"{server.rstrip('/')}/v2/models/{settings.model_name}/infer", settings)

    def _ask(self, contents: Sequence[bytes]) -> Mapping[str, Any]:
        tensor = {
            "name": IMAGE_BYTES,
            "shape": [len(contents)],
            "datatype": "BYTES",
            "parameters": {"content_type": "base64"},
            "data": _base64(contents),
        }
        body = {"inputs": [tensor], "outputs": [{"name": name} for name in _OUTPUTS]}
        outputs = {output["name"]: output for output in self._post(body)["outputs"]}
        arrays = {
            name: np.reshape(output["data"], output["shape"])
            for name, output in outputs.items()
            if name != _PNG
        }
        return {**arrays, _PNG: [base64.b64decode(text) for text in outputs[_PNG]["data"]]}


def _reason(error: requests.ConnectionError) -> str:
    """Returns the reason of a connection error, without the text that `requests` adds."""
    inner = error.args[0] if error.args else error
    return re.sub(r"^\w+\(.*?\): ", "", str(getattr(inner, "reason", inner)))


def _base64(contents: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(content).decode() for content in contents]
