"""Which errors are about an input, in this project and in the libraries below it."""

import operator
import sys

_OF_LIBRARIES = (("cv2", "error"), ("tensorflow", "errors.OpError"), ("yaml", "YAMLError"))
"""Modules, and what they raise that is neither OSError nor ValueError."""


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
