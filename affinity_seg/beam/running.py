"""Runs a pipeline on any of Beam's runners, with Beam's own flags."""

import logging
import os
import re
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineResult, PipelineRunner

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
    direct = options.view_as(pipeline_options.DirectOptions)
    if direct.direct_num_workers != 1 and direct.direct_running_mode == "in_memory":
        direct.direct_running_mode = "multi_processing"
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
    """
    _quieten()
    pipeline = beam.Pipeline(runner=_runner(options), options=options)
    build(pipeline)
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        raise ValueError(message) from error
    if state not in (None, beam.runners.runner.PipelineState.DONE):
        raise ValueError(f"the pipeline ended as {state}, see the runner's log")
    return result


def counters(result: PipelineResult) -> dict[str, int]:
    """Returns our counters of a pipeline that has ended, by name."""
    found = result.metrics().query(MetricsFilter().with_namespace(COUNTERS))["counters"]
    return {counter.key.metric.name: counter.result for counter in found}


def _runner(options: pipeline_options.PipelineOptions) -> PipelineRunner | None:
    """Returns the runner, None where Beam makes it of its name.

    Beam's own DirectRunner would first try Prism, a program that it downloads.
    """
    if (options.view_as(pipeline_options.StandardOptions).runner or DIRECT) != DIRECT:
        return None
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    provision = beam_provision_api_pb2.ProvisionInfo(pipeline_options=encoded)
    return fn_runner.FnApiRunner(provision_info=fn_runner.ExtendedProvisionInfo(provision))


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
