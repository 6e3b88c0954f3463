"""Runs a pipeline on any of Beam's runners, with Beam's own flags."""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options import pipeline_options
from apache_beam.runners.runner import PipelineResult, PipelineState

from affinity_seg.beam import direct

DIRECT = "DirectRunner"

COUNTERS = "affinity_seg"
"""Namespace of our counters."""

_PACKAGE = os.path.dirname(beam.__file__)
_MARK = "affinity_seg ended: "


class StepError(ValueError):
    """Ends a pipeline with a message.

    Beam brings an error from a worker process as the text of its stack trace, around which each
    runner puts words of its own. So the message is JSON behind a mark, and `message_of` finds it
    in any text.
    """

    def __init__(self, text: str):
        """Takes what `of` makes; Beam makes new ones with more text at the end."""
        super().__init__(text)

    @classmethod
    def of(cls, error: Exception) -> "StepError":
        """Returns the error that ends the pipeline with the message of another one."""
        return cls(_MARK + json.dumps(str(error)))

    @staticmethod
    def message_of(text: str) -> str | None:
        """Returns the message of the last `StepError` in a text, None if there is none."""
        _, found, rest = text.rpartition(_MARK)
        return json.JSONDecoder().raw_decode(rest)[0] if found else None


@contextlib.contextmanager
def ends_pipeline() -> Iterator[None]:
    """Lets an error of its body, or of the function that it decorates, end the pipeline."""
    try:
        yield
    except Exception as error:
        raise StepError.of(error) from error


def parse_options(arguments: Sequence[str]) -> pipeline_options.PipelineOptions:
    """Returns Beam's options.

    Args:
      arguments: Flags of Beam as --name=value.

    Raises:
      ValueError: Beam has no such flag, which Beam itself would not say.
    """

    def refuse_unknown(parser) -> None:
        _, unknown = parser.parse_known_args(list(arguments))
        if unknown:
            raise ValueError(f"neither this program nor Beam has the flags {unknown}")

    options = pipeline_options.PipelineOptions(list(arguments))
    options.get_all_options(add_extra_args_fn=refuse_unknown)
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
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_worth_telling)
    name = options.view_as(pipeline_options.StandardOptions).runner
    try:
        if name in (None, DIRECT):
            result = direct.run(build, options)
        else:
            pipeline = beam.Pipeline(options=options)
            build(pipeline)
            result = pipeline.run()
            result.wait_until_finish()
    except Exception as error:
        message = StepError.message_of(str(error))
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


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Returns whether a log line is shown: of Beam's, only its own errors.

    Errors of steps come back as exceptions, without stack traces.
    """
    if _PACKAGE not in record.pathname:
        return True
    return record.levelno >= logging.ERROR and _MARK not in record.getMessage()
