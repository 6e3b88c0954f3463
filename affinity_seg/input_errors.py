"""Which errors are about an input, in this project and in the libraries below it."""

import errno
import operator
import sys

_OF_LIBRARIES = (("cv2", "error"), ("tensorflow", "errors.OpError"), ("yaml", "YAMLError"))
"""Modules, and what they raise that is neither OSError nor ValueError."""

_OF_THE_MACHINE = frozenset(
    (errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EROFS)
)
"""Numbers of OSErrors that no input causes, such as a full disk."""

_CV2_NO_MEMORY = -4
"""`code` of cv2.error when memory is short."""


def types() -> tuple[type[Exception], ...]:
    """Returns what a wrong argument, or a damaged or missing file, raises.

    Made for `except input_errors.types():`, which asks only when something was raised. So no
    library is imported for it: one that is not there yet has raised nothing.
    """
    return (
        OSError,
        ValueError,
        *(
            operator.attrgetter(name)(sys.modules[module])
            for module, name in _OF_LIBRARIES
            if module in sys.modules
        ),
    )


def is_of_the_machine(error: BaseException) -> bool:
    """Returns whether an error is not about an input: a full disk, or too little memory."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno in _OF_THE_MACHINE
    if "cv2" in sys.modules and isinstance(error, sys.modules["cv2"].error):
        return getattr(error, "code", None) == _CV2_NO_MEMORY
    # That of TensorFlow, of a processor or of a GPU.
    return "tensorflow" in sys.modules and isinstance(
        error, sys.modules["tensorflow"].errors.ResourceExhaustedError
    )
