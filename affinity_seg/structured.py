"""Reads untrusted YAML and JSON: any damage is a ValueError that names the file."""

import hashlib
import json
import re
import reprlib
from typing import Any

import yaml

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 40
_SHORT.maxstring = _SHORT.maxother = 200


class _Loader(yaml.SafeLoader):
    """Loads plain values. Refuses aliases: a few lines with them can expand to gigabytes."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not taken: *{self.peek_event().anchor}")
        return super().compose_node(parent, index)


# YAML 1.1 takes 3e-4 for text, since it has no decimal point.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse_yaml(text: bytes | str, where: str) -> Any:
    """Returns the value of a YAML text.

    Args:
      text: The text; bytes are UTF-8 or UTF-16.
      where: Its file or flag, for messages.

    Raises:
      ValueError: It is not YAML, nests too deeply or has aliases; the message names `where`.
    """
    try:
        return yaml.load(text, _Loader)
    # ValueError: e.g. an impossible date. LookupError, TypeError: keys of an unusable type.
    except (yaml.YAMLError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{where}: not YAML that can be read: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{where}: not YAML that can be read: nested too deeply") from error


def parse_json(text: bytes | str, where: str) -> Any:
    """Returns the value of a JSON text.

    Args:
      text: The text; bytes are UTF-8, UTF-16 or UTF-32.
      where: Its file, for messages.

    Raises:
      ValueError: It is not JSON or nests too deeply; the message names `where`.
    """
    if not text.strip():
        raise ValueError(f"{where}: the file is damaged: it is empty")
    try:
        return json.loads(text)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where}: the file is damaged, or its text is not UTF-8: {error}; store it in UTF-8"
        ) from error
    except ValueError as error:
        raise ValueError(f"{where}: the file is damaged: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{where}: the file is damaged: nested too deeply") from error


def read_yaml(path: str, where: str | None = None) -> Any:
    """Returns the value of a YAML file.

    Args:
      path: The file.
      where: What it is called in messages; None: `path`.

    Raises:
      ValueError: As `parse_yaml`.
    """
    with open(path, "rb") as file:
        return parse_yaml(file.read(), where or path)


def read_json(path: str) -> Any:
    """Returns the value of a JSON file.

    Raises:
      ValueError: As `parse_json`.
    """
    with open(path, "rb") as file:
        return parse_json(file.read(), path)


def plain(value: Any) -> Any:
    """Returns a value as JSON gives it back: tuples become lists, and no list is shared."""
    return json.loads(json.dumps(value))


def digest(value: Any) -> str:
    """Returns the SHA-256 of a value that JSON can hold, in hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def shown(value: Any) -> str:
    """Returns a value for a message, shortened if it is long."""
    return _SHORT.repr(value)
