"""What a fit has done already, so that the next run goes on from there."""

import os
from typing import Any

from affinity_seg import files, structured

FILE = "fit.json"


def fingerprint(*parts: Any) -> str:
    """Returns a short hash of values that JSON can hold."""
    return structured.digest(parts)[:16]


class Marks:
    """The marks of a fit, in a file of its output folder that is written at each change.

    A stage has a mark from its begin: what it is made from, see `fingerprint`, and whether it is
    done. Beside them lie the facts that later runs need, such as the hashes of the input.
    """

    def __init__(self, folder: str):
        """Reads the file, if there is one.

        Raises:
          ValueError: The file is damaged.
        """
        self._path = os.path.join(folder, FILE)
        self._content: dict[str, Any] = {"facts": {}, "stages": {}}
        if os.path.isfile(self._path):
            content = structured.read_json(self._path)
            if not isinstance(content, dict) or set(content) != set(self._content):
                raise ValueError(f"{self._path}: the file is damaged: {structured.shown(content)}")
            self._content = content

    def fact(self, name: str) -> Any:
        """Returns a fact, None if there is none."""
        return self._content["facts"].get(name)

    def keep(self, **facts: Any) -> None:
        """Keeps facts."""
        self._content["facts"].update(facts)
        files.write_json(self._path, self._content)

    def made_from(self, stage: str) -> str | None:
        """Returns what a stage was last begun with; None if it never was."""
        return self._content["stages"].get(stage, {}).get("made_from")

    def is_done(self, stage: str, made_from: str) -> bool:
        """Returns whether a stage was completed with these settings."""
        return self._content["stages"].get(stage) == {"made_from": made_from, "done": True}

    def begin(self, stage: str, made_from: str) -> None:
        """Marks a stage as begun."""
        self._content["stages"][stage] = {"made_from": made_from, "done": False}
        files.write_json(self._path, self._content)

    def end(self, stage: str) -> None:
        """Marks a stage that was begun as done."""
        self._content["stages"][stage]["done"] = True
        files.write_json(self._path, self._content)
