"""The layers of a network as TensorFlow graphs in a file, which load without Keras.

Building a network with Keras and tracing it takes two seconds, importing Keras and the parts of
Model Garden half a second more. `affinity_seg pack` stores what the trace gives. The weights stay
in the checkpoint: the graphs read them as variables, so the results are the same, bit by bit.

The file is a SavedModel message without weights, compressed. Each of its graphs has one function
of `Network` for all heads or for one, and a signature: the function's inputs and outputs in their
order, and for each variable the name of its tensor in the checkpoint. A graph may hold only the
operations of `OPERATIONS`, none of which reaches beyond its inputs: a model's folder stays data.
"""

import dataclasses
import gzip
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import (
    meta_graph_pb2,
    saved_model_pb2,
    trackable_object_graph_pb2,
)

from affinity_seg import class_tables, files, structured
from affinity_seg.modeling import network_folder
from affinity_seg.modeling.network import Network, Traits

FILE = "graph.pb.gz"

OPERATIONS = frozenset({
    "Add", "AddN", "AddV2", "BatchToSpaceND", "BiasAdd", "BroadcastTo", "Cast", "ConcatV2",
    "Const", "Conv2D", "Elu", "ExpandDims", "FloorDiv", "FloorMod", "FusedBatchNormV3",
    "Identity", "IdentityN", "LeakyRelu", "MaxPool", "Maximum", "Mean", "Minimum", "Mul",
    "NoOp", "Pack", "Pad", "Placeholder", "ReadVariableOp", "RealDiv", "Relu", "Relu6",
    "Reshape", "ResizeBilinear", "Rsqrt", "Selu", "Shape", "Sigmoid", "Softplus",
    "SpaceToBatchND", "Square", "SquaredDifference", "Squeeze", "StridedSlice", "Sub", "Sum",
    "Tanh", "Transpose", "Unpack",
})  # fmt: skip
"""The operations that a stored graph may hold; they compute numbers from numbers."""

_MAX_BYTES = 2**26
_SETTINGS = "affinity_seg"
_SIGNATURE, _INPUT = "call", "input "
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The tensor of a checkpoint that says which object each of its tensors belongs to."""


def write(network: Network, folder: str) -> None:
    """Writes the graphs of a network into its folder, beside its configuration and checkpoint.

    Args:
      network: The whole network, from which the checkpoint was saved.
      folder: Its folder.

    Raises:
      ValueError: It has an operation that is not one of `OPERATIONS`.
    """
    keys = _keys(network_folder.latest_checkpoint(folder))
    names = {variable.handle.ref(): keys[variable.name] for variable in network.variables}
    stored = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    functions = {"logits": network.logits, "encode": network.encode, "decode": network.decode}
    if network.kind == "joint":
        for head in network.traits.channels:
            part = network.part(head)
            functions |= {f"{head} logits": part.logits, f"{head} decode": part.decode}
    for tag, function in functions.items():
        graph = _as_message(function.get_concrete_function(), names)
        unknown = {node.op for node in graph.graph_def.node} - OPERATIONS
        if unknown:
            raise ValueError(
                f"{folder}: a network that is packed must have no operations but those of "
                f"`stored_graph.OPERATIONS`: {sorted(unknown)}"
            )
        graph.meta_info_def.tags.append(tag)
        stored.meta_graphs.append(graph)
    settings = {"of": _described(folder), "traits": dataclasses.asdict(network.traits)}
    entry = stored.meta_graphs[0].collection_def[_SETTINGS].bytes_list.value
    entry.append(json.dumps(settings).encode())
    content = gzip.compress(stored.SerializeToString(deterministic=True), mtime=0)
    files.write_bytes(os.path.join(folder, FILE), content)


def load_network(
    model_dir: str, output_stride: int | None = None, precision: str = "float32"
) -> Network:
    """Loads a trained network for inference.

    It comes from the stored graphs if the folder has them, for the configuration that lies beside
    them, and if stride and precision are theirs. Otherwise it is built with Keras.

    Args:
      model_dir: As of `loading.load_network`.
      output_stride: Likewise.
      precision: Likewise.

    Raises:
      FileNotFoundError: As `loading.load_network`.
      ValueError: As `loading.load_network`, or the file of the stored graphs is damaged.
    """
    path = os.path.join(model_dir, FILE)
    if precision == "float32" and os.path.isfile(path):
        graphs, described, traits = _read(path)
        same_stride = output_stride in (None, traits.feature_stride)
        if same_stride and described == _described(model_dir):
            return StoredNetwork(model_dir, graphs, traits)
    from affinity_seg.modeling import loading

    return loading.load_network(model_dir, output_stride, precision)


class StoredNetwork(Network):
    """A network whose layers are stored graphs."""

    def __init__(
        self, folder: str, graphs: Mapping[str, meta_graph_pb2.MetaGraphDef], traits: Traits
    ):
        """Reads the weights.

        Args:
          folder: Folder of the network.
          graphs: Its graphs by their tags.
          traits: What else was stored.

        Raises:
          FileNotFoundError: The folder has no checkpoint.
          ValueError: The checkpoint is damaged or has not these weights.
        """
        table = class_tables.load_class_table(os.path.join(folder, class_tables.TABLE_FILE))
        super().__init__(traits, table)
        self._graphs = graphs
        keys = {name for graph in graphs.values() for name in _inputs(graph)[1]}
        self._weights = _read_weights(network_folder.latest_checkpoint(folder), sorted(keys))
        self.identity = network_folder.network_identity(folder)

    @property
    def variables(self) -> list[tf.Variable]:
        return list(self._weights.values())

    def run(self, normalized: tf.Tensor) -> tf.Tensor:
        (logits,) = self._call(self._tag("logits"), [normalized])
        return logits

    def run_encoder(
        self, normalized: tf.Tensor, box: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        *encoded, total = self._call("encode", [normalized, box])
        return encoded, total

    def run_decoder(self, encoded: list[tf.Tensor], context: tf.Tensor) -> tf.Tensor:
        (logits,) = self._call(self._tag("decode"), [*encoded, context])
        return logits

    def _tag(self, name: str) -> str:
        return name if self.head is None else f"{self.head} {name}"

    def _call(self, tag: str, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Adds a stored graph to the graph that is being made."""
        graph = self._graphs[tag]
        places, weights = _inputs(graph)
        given = dict(zip(places, values, strict=True))
        handles = {place: self._weights[key].handle for key, place in weights.items()}
        given |= {place: tf.convert_to_tensor(handle) for place, handle in handles.items()}
        outputs = graph.signature_def[_SIGNATURE].outputs
        wanted = [outputs[key].name for key in sorted(outputs)]
        return tf.graph_util.import_graph_def(graph.graph_def, given, wanted, name="")


def _as_message(
    function: tf.types.experimental.ConcreteFunction, names: Mapping[Any, str]
) -> meta_graph_pb2.MetaGraphDef:
    """Returns the graph of a function and its signature; `names` are those of the variables."""
    graph = meta_graph_pb2.MetaGraphDef(graph_def=function.graph.as_graph_def())
    signature = graph.signature_def[_SIGNATURE]
    captured = function.captured_inputs
    first = len(function.inputs) - len(captured)
    for index, place in enumerate(function.inputs[:first]):
        signature.inputs[f"{_INPUT}{index:02}"].name = place.name
    for value, place in zip(captured, function.inputs[first:], strict=True):
        signature.inputs[names[value.ref()]].name = place.name
    for index, output in enumerate(function.outputs):
        signature.outputs[f"{index:02}"].name = output.name
    return graph


def _inputs(graph: meta_graph_pb2.MetaGraphDef) -> tuple[list[str], dict[str, str]]:
    """Returns the places of a graph's inputs in order, and those of its variables by their keys."""
    places = {key: one.name for key, one in graph.signature_def[_SIGNATURE].inputs.items()}
    inputs = sorted(key for key in places if key.startswith(_INPUT))
    return [places.pop(key) for key in inputs], places


def _read(path: str) -> tuple[dict[str, meta_graph_pb2.MetaGraphDef], dict[str, str], Traits]:
    """Returns the graphs by their tags, what configuration they are of, and the traits.

    Raises:
      ValueError: The file is damaged, or has an operation that is not one of `OPERATIONS`.
    """
    stored = saved_model_pb2.SavedModel()
    try:
        with gzip.open(path) as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"must take at most {_MAX_BYTES} bytes when decompressed")
        stored.ParseFromString(content)
        graphs = {graph.meta_info_def.tags[0]: graph for graph in stored.meta_graphs}
        (text,) = stored.meta_graphs[0].collection_def[_SETTINGS].bytes_list.value
        settings = structured.parse_json(text, path)
        traits = settings["traits"]
        distances = traits["distances"] and tuple(traits["distances"])
        traits = Traits(**{**traits, "distances": distances})
    except (
        OSError,
        EOFError,
        zlib.error,
        DecodeError,
        ValueError,
        LookupError,
        TypeError,
    ) as error:
        raise ValueError(f"{path}: the file is damaged: {error}") from error
    found = {node.op for graph in graphs.values() for node in graph.graph_def.node}
    if found - OPERATIONS or any(graph.graph_def.library.function for graph in graphs.values()):
        raise ValueError(
            f"{path}: must have no functions, and no operations but those of "
            f"`stored_graph.OPERATIONS`: {sorted(found - OPERATIONS)}"
        )
    return graphs, settings["of"], traits


def _read_weights(checkpoint: str, keys: Sequence[str]) -> dict[str, tf.Variable]:
    """Returns variables of a checkpoint in single or half precision by their keys, float32."""
    try:
        reader = tf.train.load_checkpoint(checkpoint)
        values = {key: reader.get_tensor(key).astype(np.float32) for key in keys}
    # TensorFlow's checkpoint reader raises Python's built-in errors as well.
    except (LookupError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{checkpoint}: the checkpoint is damaged or has not the weights of the graphs in "
            f"{FILE}: {error}"
        ) from error
    return {key: tf.Variable(value, trainable=False) for key, value in values.items()}


def _keys(checkpoint: str) -> dict[str, str]:
    """Returns the name of each variable's tensor in a checkpoint, by the variable's own name."""
    objects = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        tf.train.load_checkpoint(checkpoint).get_tensor(_OBJECT_GRAPH)
    )
    found = [value for node in objects.nodes for value in node.attributes if value.full_name]
    keys = {f"{value.full_name}:0": value.checkpoint_key for value in found}
    if len(keys) < len(found):
        raise ValueError(f"{checkpoint}: the variables must have different names")
    return keys


def _described(folder: str) -> dict[str, str]:
    """Returns the hashes of the files that describe a network."""
    names = (network_folder.PARAMS_FILE, class_tables.TABLE_FILE)
    paths = {name: os.path.join(folder, name) for name in names}
    return {name: files.sha256(path) for name, path in paths.items() if os.path.isfile(path)}
