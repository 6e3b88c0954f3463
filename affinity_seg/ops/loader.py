"""Loads the shared object of the C++ op, once and from one path."""

import functools
import os
import re
import types

_PACKAGE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

INSTALLED_LIBRARY = os.path.join(_PACKAGE_DIR, "ops", "graph_merge_op.so")
"""Where the wheel puts the op."""

BUILT_LIBRARY = os.path.join(os.path.dirname(_PACKAGE_DIR), "bazel-bin", "cc", "graph_merge_op.so")
"""Where `bazel build //cc:graph_merge_op` puts the op in a source tree."""

BUILD_COMMAND = "bazel build //cc:graph_merge_op"


def find_library() -> str:
    """Returns the path of the op's shared object: the source tree's build, else the wheel's.

    Raises:
      FileNotFoundError: It was never built.
    """
    for path in (BUILT_LIBRARY, INSTALLED_LIBRARY):
        if os.path.exists(path):
            return path
    raise FileNotFoundError(
        f"the op GraphMerge is not built: neither {BUILT_LIBRARY} nor {INSTALLED_LIBRARY} exists; "
        f"run `{BUILD_COMMAND}` in the source tree"
    )


def built_for(path: str) -> str:
    """Returns the TensorFlow version that a shared object of the op was built for."""
    with open(path, "rb") as file:
        found = re.search(rb"affinity_seg built for tensorflow ([^;\0]+);", file.read())
    return found.group(1).decode() if found else "unknown"


@functools.cache
def load_library() -> types.ModuleType:
    """Returns the module with the raw op `graph_merge`.

    Raises:
      FileNotFoundError: The op was never built.
      ImportError: It was built for another TensorFlow.
    """
    import tensorflow as tf  # Late: it takes seconds and most of the package does without.

    path = find_library()
    if built_for(path) != tf.__version__:
        raise ImportError(_mismatch(path, tf.__version__))
    try:
        return tf.load_op_library(path)
    except tf.errors.NotFoundError as error:
        raise ImportError(f"{_mismatch(path, tf.__version__)}: {error.message}") from error


def _mismatch(path: str, installed: str) -> str:
    return (
        f"cannot load {path}: built for TensorFlow {built_for(path)}, installed is {installed}; "
        f"run `{BUILD_COMMAND}` with the installed one"
    )
