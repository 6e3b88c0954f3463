"""What TensorFlow warns of in this process."""

import contextlib
import gc
import logging
from collections.abc import Iterator


class _Recorder(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """Fills the list that it gives with the warnings, also those at the end of objects' lives."""
    recorder = _Recorder()
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    for logger in loggers:
        logger.addHandler(recorder)
    try:
        yield recorder.messages
        gc.collect()
    finally:
        for logger in loggers:
            logger.removeHandler(recorder)
