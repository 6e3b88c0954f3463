"""The pipeline on Apache Beam: many machines, or many processes of one (docs/beam.md)."""

import logging

logging.disable(logging.WARNING)  # Beam misses packages of clouds on import.
try:
    import apache_beam  # noqa: F401
except ImportError as error:
    raise ImportError("Apache Beam needs `pip install 'affinity-seg[beam]'`") from error
finally:
    logging.disable(logging.NOTSET)
