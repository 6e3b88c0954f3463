"""The file `plan.yaml`: every choice of a fit with its value and the reason for it."""

import os
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from affinity_seg import files, structured
from affinity_seg.fitting import values

FILE = "plan.yaml"

_HEAD = """\
# What `affinity_seg fit` does with these images, and why. Change a `value` and run the same command
# again: what depends on it is done anew, the rest is kept. A `reason` is for readers only. Remove
# this file to have it made anew.
"""


class Choice(NamedTuple):
    """One choice.

    Attributes:
      value: What YAML can hold.
      reason: Why, in a sentence.
    """

    value: Any
    reason: str


class Plan(dict[str, Choice]):
    """The choices by name; `plan[name].value` is a value."""

    def value(self, name: str) -> Any:
        """Returns the value of a choice."""
        return self[name].value

    def values_of(self) -> dict[str, Any]:
        """Returns the values by name, as JSON has them."""
        return structured.plain({name: choice.value for name, choice in self.items()})


def write(folder: str, plan: Plan) -> str:
    """Writes a plan and returns the path of its file."""
    path = os.path.join(folder, FILE)
    files.write_bytes(path, (_HEAD + "".join(map(_entry, plan.items()))).encode())
    return path


def read(folder: str) -> Plan | None:
    """Reads a plan that may have been edited; None if there is none.

    Args:
      folder: Its folder.

    Raises:
      ValueError: The file is not YAML, or a choice is missing, unknown or has no value or a wrong
        one.
    """
    path = os.path.join(folder, FILE)
    if not os.path.isfile(path):
        return None
    content = structured.read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must be a mapping of choices: {structured.shown(content)}")
    for what, found in (
        ("has an unknown choice", set(content) - set(values.NAMES)),
        ("lacks a choice", set(values.NAMES) - set(content)),
    ):
        if found:
            shown = ", ".join(map(str, sorted(found, key=str)))
            raise ValueError(f"{path}: {what}: {shown}; remove the file to have it made anew")
    for name, entry in content.items():
        if not isinstance(entry, Mapping) or not {"value"} <= set(entry) <= set(Choice._fields):
            raise ValueError(
                f"{path}: `{name}` must be {{value: ..., reason: ...}}: {structured.shown(entry)}"
            )
    try:
        values.Values(**{name: entry["value"] for name, entry in content.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return Plan(
        {n: Choice(content[n]["value"], str(content[n].get("reason"))) for n in values.NAMES}
    )


def _entry(item: tuple[str, Choice]) -> str:
    name, (value, reason) = item
    text = yaml.safe_dump(structured.plain(value), default_flow_style=True, width=10**6)
    value_text = text.removesuffix("\n").removesuffix("...").strip()
    lines = textwrap.wrap(reason, 90, break_long_words=False, break_on_hyphens=False)
    return f"\n{name}:\n  value: {value_text}\n  reason: >-\n" + "".join(
        f"    {line}\n" for line in lines
    )
