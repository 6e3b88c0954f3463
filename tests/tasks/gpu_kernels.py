"""What TensorFlow's registry says of a graph that is to run on a GPU; none is needed to ask it."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

LARGE_BYTES = 2**20
"""Tensors from here on are not to be in the memory of the host."""


class Fault(NamedTuple):
    """An operation that a GPU does not run, or not in its own memory.

    Attributes:
      op: Its type.
      dtypes: Types of its attributes.
      arguments: Large inputs and outputs that its kernel has in the memory of the host; empty if
        there is no kernel.
      names: Where it stands, the operations of this kind.
    """

    op: str
    dtypes: tuple[str, ...]
    arguments: tuple[str, ...]
    names: tuple[str, ...]


def operations(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Yields the operations of a graph and of all functions that it calls."""
    found, graphs = set(), [graph]
    while graphs:
        for op in graphs.pop().get_operations():
            yield op
            for name in _functions_of(op):
                if name not in found:
                    found.add(name)
                    graphs.append(op.graph._get_function(name).graph)


def faults(graph: tf.Graph) -> list[Fault]:
    """Returns what of a graph a GPU would leave to the host."""
    names = {}
    for op in operations(graph):
        kernel = _kernel(op)
        arguments = () if kernel is None else tuple(_large_on_host(op, kernel))
        if kernel is None or arguments:
            key = op.type, tuple(tf.as_dtype(t).name for t in _types(op).values()), arguments
            names.setdefault(key, []).append(op.name)
    return [Fault(*key, tuple(names)) for key, names in sorted(names.items())]


def _functions_of(op: tf.Operation) -> Iterator[str]:
    for attribute in op.node_def.attr.values():
        if attribute.HasField("func"):
            yield attribute.func.name
        yield from (function.name for function in attribute.list.func)


def _types(op: tf.Operation) -> dict[str, int]:
    return {name: value.type for name, value in op.node_def.attr.items() if value.type}


def _kernel(op: tf.Operation) -> object | None:
    """Returns the kernel that a GPU takes, None if it has none."""
    if op.type == "Placeholder":  # An argument of a function.
        return _find("_Arg", {"T": op.node_def.attr["dtype"].type})
    return _find(op.type, _types(op))


@functools.cache
def _registered(op_type: str) -> list:
    return list(kernels.get_registered_kernels_for_op(op_type).kernel)


def _find(op_type: str, types: dict[str, int]) -> object | None:
    fitting = [
        kernel
        for kernel in _registered(op_type)
        if all(types.get(c.name) in c.allowed_values.list.type for c in kernel.constraint)
    ]
    for device in ("GPU", "DEFAULT"):
        for kernel in fitting:
            if kernel.device_type == device:
                return kernel
    return None


def _large_on_host(op: tf.Operation, kernel: object) -> Iterator[str]:
    definition = op_def_registry.get("_Arg" if op.type == "Placeholder" else op.type)
    for arguments, tensors in (
        (definition.input_arg, list(op.inputs)),
        (definition.output_arg, list(op.outputs)),
    ):
        for argument in arguments:
            count = _length(op, argument)
            own, tensors = tensors[:count], tensors[count:]
            if argument.name in kernel.host_memory_arg and any(map(_is_large, own)):
                yield argument.name


def _length(op: tf.Operation, argument: object) -> int:
    """Returns how many tensors an argument of an operation is."""
    if argument.number_attr:
        return op.node_def.attr[argument.number_attr].i
    if argument.type_list_attr:
        return len(op.node_def.attr[argument.type_list_attr].list.type)
    return 1


def _is_large(tensor: tf.Tensor) -> bool:
    """Whether a tensor is large; one of unknown shape counts as large where its rank is not 0."""
    if tensor.dtype in (tf.resource, tf.variant, tf.string):
        return False
    size = tensor.shape.num_elements()
    if size is None:
        return tensor.shape.rank is None or tensor.shape.rank > 1
    return size * tensor.dtype.size >= LARGE_BYTES
