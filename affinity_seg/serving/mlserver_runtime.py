"""Serves the exported model in mlserver (V2 protocol), without Docker or a server built here."""

import asyncio
import base64
import binascii

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from mlserver import MLModel
from mlserver.codecs import Base64Codec
from mlserver.codecs.numpy import to_datatype, to_dtype
from mlserver.errors import InferenceError
from mlserver.types import (
    Datatype,
    InferenceRequest,
    InferenceResponse,
    MetadataTensor,
    Parameters,
    RequestInput,
    ResponseOutput,
)

import affinity_seg.ops  # noqa: F401  # Registers the ops of the graph.
from affinity_seg import common
from affinity_seg.data import picture_files, picture_headers, pictures
from affinity_seg.data.tf_examples import Example
from affinity_seg.serving import signatures

SIGNATURE = "signature_name"
"""Parameter of a request: the signature to call."""

_BY_INPUT = {
    signatures.IMAGES: "serving_default",
    signatures.IMAGE_BYTES: signatures.COMPACT,
    signatures.EXAMPLES: "tf_example",
}
"""Signature by the name of the input, for requests without the parameter."""


class ExportedModel(MLModel):
    """A SavedModel that `saved_model.write` wrote.

    The setting `parameters.uri` is its folder. `parameters.extra` may have `threads`, TensorFlow's
    threads of this worker (0: one for each core). Requests to one worker run one after the other.
    """

    async def load(self) -> bool:
        """Loads the model and calls each signature once; runs once in each worker."""
        extra = self.settings.parameters.extra or {}
        tf.config.threading.set_intra_op_parallelism_threads(extra.get("threads", 0))
        self._signatures = tf.saved_model.load(self.settings.parameters.uri).signatures
        images = self._specs("serving_default")[signatures.IMAGES]
        for name, (key, value) in signatures.warmup_inputs(images.shape[-1]).items():
            if name in self._signatures:  # The first call is slow, so it is made before a request.
                _call(self._signatures[name], {key: tf.constant(value)})
        self._turn = asyncio.Semaphore(1)
        self.inputs = [
            _metadata(spec)
            for name in _BY_INPUT.values()
            if name in self._signatures
            for spec in self._specs(name).values()
        ]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Returns the response to a request; files are raw bytes in gRPC and base 64 in JSON."""
        name, inputs = self._parse(payload)
        wanted = [output.name for output in payload.outputs or []]
        function = self._signatures[name]
        unknown = sorted(set(wanted) - set(function.structured_outputs))
        if unknown:
            raise InferenceError(
                f"`outputs` must be some of {sorted(function.structured_outputs)}: {unknown}"
            )
        async with self._turn:
            found = await asyncio.to_thread(_call, function, inputs)
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[_encode(key, found[key]) for key in wanted or found],
        )

    def _specs(self, signature: str) -> dict[str, tf.TensorSpec]:
        return self._signatures[signature].structured_input_signature[1]

    def _parse(self, payload: InferenceRequest) -> tuple[str, dict[str, tf.Tensor]]:
        """Returns the name of the signature that is requested, and its inputs."""
        given = [tensor.name for tensor in payload.inputs]
        name = getattr(payload.parameters, SIGNATURE, None)
        if name is None and len(given) == 1:
            name = _BY_INPUT.get(given[0])
        if name not in self._signatures:
            raise InferenceError(
                f"parameter {SIGNATURE!r} must be one of {sorted(self._signatures)}, or `inputs` "
                f"one of {sorted(_BY_INPUT)}: {name!r}, {given}"
            )
        specs = self._specs(name)
        if sorted(given) != sorted(specs):
            raise InferenceError(f"`inputs` of {name} must be {sorted(specs)}: {given}")
        return name, {tensor.name: _decode(tensor, specs[tensor.name]) for tensor in payload.inputs}


def _metadata(spec: tf.TensorSpec) -> MetadataTensor:
    shape = [-1 if size is None else size for size in spec.shape]
    return MetadataTensor(name=spec.name, datatype=_datatype(spec), shape=shape)


def _datatype(spec: tf.TensorSpec) -> str:
    """Returns the protocol's name of a dtype."""
    if spec.dtype == tf.string:
        return Datatype.BYTES.value
    return to_datatype(np.dtype(spec.dtype.as_numpy_dtype)).value


def _decode(tensor: RequestInput, spec: tf.TensorSpec) -> tf.Tensor:
    datatype = _datatype(spec)
    if tensor.datatype != datatype:
        raise InferenceError(f"{tensor.name!r} must be {datatype}: {tensor.datatype}")
    try:
        if datatype == Datatype.BYTES.value:
            return tf.constant(_reshape(np.array(_files(tensor), object), tensor.shape), tf.string)
        values = _reshape(np.asarray(tensor.data.root, to_dtype(tensor)), tensor.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise InferenceError(f"{tensor.name!r}, shape {tensor.shape}: {error}") from error
    if not spec.shape.is_compatible_with(values.shape):
        raise InferenceError(f"{tensor.name!r} must have shape {spec.shape}: {tensor.shape}")
    return tf.constant(values)


def _reshape(values: np.ndarray, shape: list[int]) -> np.ndarray:
    """Returns `values` in the request's shape. Refuses -1, which NumPy would replace by a size."""
    if min(shape, default=0) < 0:
        raise ValueError("sizes must not be negative")
    return values.reshape(shape)


def _files(tensor: RequestInput) -> list[bytes]:
    """Returns the elements of a tensor of files."""
    parameter = getattr(tensor.parameters, "content_type", None)
    elements = tensor.data.root
    if isinstance(elements, str | bytes):
        elements = [elements]
    files = []
    for index, element in enumerate(elements):
        if isinstance(element, str) or parameter == Base64Codec.ContentType:
            try:
                element = base64.b64decode(element, validate=True)
            except binascii.Error as error:
                raise ValueError(f"[{index}] is not base 64: {error}") from error
        files.append(element)
    return files


def _call(function, inputs: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Runs a signature.

    Raises:
      InferenceError: The inputs are invalid.
    """
    try:
        return {name: value.numpy() for name, value in function(**inputs).items()}
    # TensorFlow's message may contain bytes that are not UTF-8.
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        raise InferenceError(f"INVALID_ARGUMENT: {_fault(inputs)}") from error


def _fault(inputs: dict[str, tf.Tensor]) -> str:
    """Returns why the inputs are invalid; the graph's own message would only name its nodes."""
    ((key, values),) = inputs.items()
    if values.shape[0] == 0:
        return "the batch must hold at least one image"
    try:
        if key == signatures.IMAGES:
            picture_headers.check_size(key, *values.shape[1:3])
        else:
            is_example = key == signatures.EXAMPLES
            for index, content in enumerate(values.numpy()):
                where = f"{key}[{index}]"
                content = _encoded_image(content, where) if is_example else content
                pictures.decode(where, content, picture_files.FORMATS, turned=True)
    except ValueError as error:
        return str(error)
    return f"not what {sorted(inputs)} may hold"


def _encoded_image(example: bytes, where: str) -> bytes:
    """Returns the picture's file in a serialized example."""
    try:
        return Example(example).bytes(common.IMAGE_ENCODED)
    except (DecodeError, ValueError) as error:
        raise ValueError(
            f"{where} must be a tf.train.Example with {common.IMAGE_ENCODED!r}"
        ) from error


def _encode(name: str, values: np.ndarray) -> ResponseOutput:
    """Returns a tensor in its own shape; mlserver's codecs would change [B] to [B, 1]."""
    shape = list(values.shape)
    if values.dtype == object:
        data = [base64.b64encode(value) for value in values.ravel()]
        kind = Parameters(content_type=Base64Codec.ContentType)
        return ResponseOutput(
            name=name, datatype=Datatype.BYTES, shape=shape, data=data, parameters=kind
        )
    data = values.ravel().tolist()
    return ResponseOutput(name=name, datatype=to_datatype(values.dtype), shape=shape, data=data)
