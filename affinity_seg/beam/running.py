"""Runs a pipeline on any of Beam's runners, with Beam's own flags."""

import logging
import os
import re
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options import pipeline_options
from apache_beam.runners.runner import PipelineResult, PipelineState

from affinity_seg.beam import direct

DIRECT = "DirectRunner"

COUNTERS = "affinity_seg"
"""Namespace of our counters."""

_PACKAGE = os.path.dirname(beam.__file__)

_WHILE = "[while running '"
_ERROR = re.compile(r"^(?:[A-Za-z_][\w.]*(?:Error|Exception)): ", re.MULTILINE)
_STEP = re.compile(r"\s*\[while running '[^']*'\].*", re.DOTALL)
"""What Beam puts around the message of an error that a worker raises."""


def parse_options(arguments: Sequence[str]) -> pipeline_options.PipelineOptions:
    """Returns Beam's options.

    Args:
      arguments: Flags of Beam as --name=value.

    Raises:
      ValueError: Beam has no such flag, which Beam itself would not say.
    """
    parser = pipeline_options._BeamArgumentParser(allow_abbrev=False, add_help=False)
    for options in pipeline_options.PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        raise ValueError(f"neither this program nor Beam has the flags {unknown}")
    options = pipeline_options.PipelineOptions(list(arguments))
    # All that is pickled lies in the package, which the workers have.
    options.view_as(pipeline_options.SetupOptions).save_main_session = False
    local = options.view_as(pipeline_options.DirectOptions)
    if local.direct_num_workers != 1 and local.direct_running_mode == "in_memory":
        local.direct_running_mode = direct.PROCESSES
    worker = options.view_as(pipeline_options.WorkerOptions)
    worker.default_sdk_harness_log_level = worker.default_sdk_harness_log_level or "ERROR"
    return options


def run(
    build: Callable[[beam.Pipeline], None], options: pipeline_options.PipelineOptions
) -> PipelineResult:
    """Builds a pipeline, runs it and waits for its end.

    Args:
      build: Adds the steps.
      options: Beam's, of `parse_options`.

    Raises:
      ValueError: A step failed; the message is that of its error.
      ChildProcessError: A worker process on this machine has ended.
    """
    _quieten()
    name = options.view_as(pipeline_options.StandardOptions).runner
    runner = direct.make_runner(options) if name in (None, DIRECT) else None
    pipeline = beam.Pipeline(runner=runner, options=options)
    build(pipeline)

    def wait() -> PipelineResult:
        result = pipeline.run()
        result.wait_until_finish()
        return result

    try:
        result = direct.run_watched(wait) if runner else wait()
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        raise ValueError(message) from error
    if result.state != PipelineState.DONE:
        raise ValueError(f"the pipeline ended as {result.state}, see the runner's log")
    return result


def counters(result: PipelineResult) -> dict[str, int]:
    """Returns our counters of a pipeline that has ended, by name."""
    found = result.metrics().query(MetricsFilter().with_namespace(COUNTERS))["counters"]
    return {counter.key.metric.name: counter.result for counter in found}


def _message(error: Exception) -> str | None:
    """Returns what an error of a step says, without Beam's and Python's frames; None of others."""
    text = str(error)
    if _WHILE not in text:
        return None
    text = text[: text.rindex(_WHILE)]
    starts = [match.end() for match in _ERROR.finditer(text)]
    return _STEP.sub("", text[starts[-1] if starts else 0 :]).strip()


def _quieten() -> None:
    """Lets Beam tell its own errors only: those of steps come back, without their frames."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_worth_telling)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    if _PACKAGE not in record.pathname:
        return True
    return record.levelno >= logging.ERROR and _WHILE not in record.getMessage()
