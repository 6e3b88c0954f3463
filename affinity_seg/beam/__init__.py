"""The pipeline on Apache Beam: many machines, or many processes of one (docs/beam.md)."""

import logging

logging.disable(logging.WARNING)  # Beam misses packages of clouds on import.
import apache_beam  # noqa: E402, F401

logging.disable(logging.NOTSET)
