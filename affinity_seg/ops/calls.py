"""What the Python faces of GraphMerge and its kin share: their arguments' way into the C++ op."""

import numbers
from typing import Any, NamedTuple

from affinity_seg.ops import arguments
from affinity_seg.ops.loader import load_library
from affinity_seg.ops.types import GraphMergeResult


class Image(NamedTuple):
    """The inputs of one image, as the user gave them."""

    affinity: Any
    semantic: Any
    mask: Any
    group: Any


class Call(NamedTuple):
    """One of the ops, and what it is given beside images and options.

    Attributes:
      op: Its name; those that take lists end with "_batch".
      rank: Of the networks' outputs.
      strides: Pixels per logit by attribute.
      return_edges: As in `graph_merge`.
      num_threads: As in `graph_merge`.
    """

    op: str
    rank: int
    strides: dict[str, int]
    return_edges: bool
    num_threads: int


def list_images(affinity, semantic, mask, group) -> list[Image]:
    """Returns the images of a batch."""
    affinity = _entries("affinity", affinity)
    size = len(affinity)
    if isinstance(group, numbers.Integral) or getattr(group, "shape", None) == ():
        group = [group] * size
    lists = {
        "affinity": affinity,
        "semantic": _entries("semantic", semantic),
        "mask": [None] * size if mask is None else _entries("mask", mask),
        "group": _entries("group", group),
    }
    for name, values in lists.items():
        if len(values) != size:
            raise ValueError(
                f"`{name}` must have one entry for each of `affinity`, {size}: {len(values)}"
            )
    return [Image(*image) for image in zip(*lists.values(), strict=True)]


def _entries(name, values):
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"`{name}` must be a list, one entry for each image: {values!r}") from None


def merge(images: list[Image], call: Call, options: dict[str, Any]) -> list[Any]:
    """Calls the op and returns what it found in each image; errors as in `graph_merge`."""
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    is_logits = call.rank == 4
    if is_logits and "from_logits" in options:
        raise TypeError("`from_logits` is not an argument here: these are logits")
    if not images:
        return []
    for image in images:
        arguments.check_given(affinity=image.affinity, semantic=image.semantic, group=image.group)
    images = [
        image._replace(
            affinity=tf.convert_to_tensor(image.affinity),
            semantic=tf.convert_to_tensor(image.semantic),
        )
        for image in images
    ]
    try:
        _check_dtypes(images)
        shape = images[0].semantic.shape
        checked = arguments.checked_options(
            None if shape.rank is None else tuple(shape), rank=call.rank, **options
        )
        groups = [_group_tensor(image.group, checked["groups"]) for image in images]
        checked["num_threads"] = arguments.checked_num_threads(call.num_threads)
        for name, stride in call.strides.items():
            checked[name] = arguments.checked_stride(name, stride)
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error
    if is_logits:
        del checked["from_logits"]
    inputs = {
        "affinity": [image.affinity for image in images],
        "semantic": [image.semantic for image in images],
        "mask": [_mask_tensor(image) for image in images],
        "group": groups,
    }
    is_batch = call.op.endswith("_batch")
    outputs = getattr(load_library(), call.op)(
        **{name: values if is_batch else values[0] for name, values in inputs.items()},
        output_edges=arguments.checked_flag("return_edges", call.return_edges),
        **checked,
    )
    found = []
    for index in range(len(images)):
        tensors = [output[index] if is_batch else output for output in outputs]
        result = GraphMergeResult(*tensors[: len(GraphMergeResult._fields)])
        found.append((result, tensors[len(result)]) if call.return_edges else result)
    return found


def _check_dtypes(images):
    import tensorflow as tf

    dtype = images[0].affinity.dtype
    for image in images:
        for name in ("affinity", "semantic"):
            value = getattr(image, name)
            if value.dtype not in (tf.float32, tf.float16, tf.bfloat16) or value.dtype != dtype:
                raise ValueError(
                    "`affinity` and `semantic` must all be float32, float16 or bfloat16: "
                    f"`{name}` is {value.dtype.name}"
                )


def _mask_tensor(image):
    import tensorflow as tf

    if image.mask is None:
        return tf.ones(tf.shape(image.affinity)[:2], tf.bool)
    mask = tf.convert_to_tensor(image.mask)
    arguments.check_mask_dtype(mask.dtype.name)
    return mask


def _group_tensor(group, groups):
    import tensorflow as tf

    if not tf.is_tensor(group):
        return tf.constant(arguments.checked_group(group, groups), tf.int32)
    if group.dtype != tf.int32:
        raise TypeError(f"`group` must be int32 where it is a tensor: {group.dtype.name}")
    return group
