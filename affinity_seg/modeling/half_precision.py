"""Checkpoints in half precision, for models that ship: they take half the space.

A checkpoint holds tensors by name, and TensorFlow restores a tensor only into a variable of the
same type. So our networks, whose variables are float32, are restored from a copy of the checkpoint
in which the tensors were cast back. The names, and the description of the objects that they belong
to, are the same in both.

Only the kernels are cast. Biases and what BatchNorm holds have one axis and are hardly a hundredth
of the weights, but rounding them changes all pixels of a channel alike.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

_LARGEST = float(np.finfo(np.float16).max)


def shrink(checkpoint: str) -> None:
    """Casts the kernels of a checkpoint from float32 to float16, in its own files.

    Args:
      checkpoint: Path of the checkpoint, without suffix.

    Raises:
      ValueError: A value is NaN, infinite or out of float16's range.
    """
    tensors = _read(checkpoint)
    for name, values in tensors.items():
        if values.dtype == np.float32 and values.ndim > 1:
            fits = np.abs(values) <= _LARGEST  # False for NaN.
            if not fits.all():
                raise ValueError(
                    f"{checkpoint}: `{name}` must be finite and between {-_LARGEST:g} and "
                    f"{_LARGEST:g}, the range of half precision: {values[~fits][0]}"
                )
            tensors[name] = values.astype(np.float16)
    _write(checkpoint, tensors)


@contextlib.contextmanager
def expanded(checkpoint: str) -> Iterator[str]:
    """Yields the path of a checkpoint in single precision.

    It is `checkpoint` itself, unless that is in half precision. Then it is a copy in a temporary
    folder, which is removed at the end of the `with` block.

    Args:
      checkpoint: Path of the checkpoint, without suffix.

    Raises:
      OSError: The copy cannot be written.
    """
    types = tf.train.load_checkpoint(checkpoint).get_variable_to_dtype_map()
    if tf.float16 not in types.values():
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(checkpoint))
        tensors = _read(checkpoint)
        for name, values in tensors.items():
            if values.dtype == np.float16:
                tensors[name] = values.astype(np.float32)
        try:
            _write(path, tensors)
        except tf.errors.OpError as error:
            raise OSError(
                f"{folder}: must be a folder that can be written, for {checkpoint} is in half "
                f"precision and a copy in single precision is made there: {error.message}"
            ) from error
        yield path


def _read(checkpoint: str) -> dict[str, np.ndarray]:
    """Returns all tensors of a checkpoint by name; TensorFlow compares their checksums."""
    reader = tf.train.load_checkpoint(checkpoint)
    names = sorted(reader.get_variable_to_dtype_map())
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


def _write(checkpoint: str, tensors: Mapping[str, np.ndarray]) -> None:
    tf.raw_ops.SaveV2(
        prefix=checkpoint,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(values) for values in tensors.values()],
    )
