"""Writes the results of pictures in the formats that were chosen."""

import contextlib
import os
import tempfile
from collections.abc import Sequence
from typing import Any

from affinity_seg import files, names, structured
from affinity_seg.export import formats
from affinity_seg.export.formats.picture import SegmentedPicture

SOURCE_FOLDER = "sources"
"""Folder beside the results. `<name>.json` in it is written after the other files of a picture. It
has the hash of what they were made from, their sizes, and what belongs into the files of all
pictures."""


class Writer:
    """Writes the files of a run, which can be stopped and started again.

    The files of all pictures are written by `finish`, unless no picture was written. A picture is
    first converted, which can fail, and then written. So a picture that one format
    cannot hold is in no file.
    """

    def __init__(self, output_dir: str, format_names: Sequence[str]):
        """Makes a writer.

        Args:
          output_dir: Folder, made if needed.
          format_names: Some of `formats.FORMATS`.
        """
        self._output_dir = output_dir
        self._is_new = False
        self._formats = [formats.load(name) for name in format_names]
        self._joined: dict[str, list[Any]] = {
            module.FILE_NAME: [] for module in self._formats if hasattr(module, "join")
        }
        self._own = {module.FILE_NAME for module in self._formats} - self._joined.keys()
        # The `FILE_NAME`s of all that belongs to each picture of this run, by its name.
        self._known: dict[str, set[str]] = {}

    def check(self, keys: Sequence[str], inputs: Sequence[str]) -> None:
        """Makes the folder, and makes sure that the results can be written and replace no picture.

        Temporary files of killed runs are removed.

        Args:
          keys: First parts of the names of the pictures' files.
          inputs: Paths of the pictures.

        Raises:
          ValueError: The folder cannot be made or written, or a result has the path of a picture.
        """
        if not self._output_dir:
            raise ValueError("`--output_dir` must be the path of a folder: ''")
        try:
            os.makedirs(self._output_dir, exist_ok=True)
            self._is_new = not os.listdir(self._output_dir)
            with tempfile.TemporaryFile(dir=self._output_dir):
                pass
        except OSError as error:
            raise ValueError(
                f"`--output_dir` must be a folder that can be written, {error.strerror}: "
                f"{self._output_dir}"
            ) from error
        for folder in ("", SOURCE_FOLDER):
            files.remove_leftovers(names.subfolder(self._output_dir, folder))
        results = (
            os.path.join(self._output_dir, module.FILE_NAME.format(name=key))
            for key in keys
            for module in self._formats
        )
        pictures = {os.path.realpath(path) for path in inputs}
        replaced = [path for path in results if os.path.realpath(path) in pictures]
        if replaced:
            raise ValueError(
                "`--output_dir` must be another folder, where no result replaces a picture: "
                f"{replaced[0]} is one of the pictures"
            )

    def check_size(self, size: tuple[int, int]) -> None:
        """Makes sure that the formats can hold a picture, before it is segmented.

        Args:
          size: Its height and width, pixels.

        Raises:
          ValueError: A format cannot hold a picture of this size.
        """
        for module in self._formats:
            if hasattr(module, "check_size"):
                module.check_size(size)

    def convert(self, picture: SegmentedPicture) -> dict[str, Any]:
        """Returns what each file is to hold of a picture, by the name of the file.

        Raises:
          ValueError: A format cannot hold it.
        """
        return {
            module.FILE_NAME.format(name=picture.name): module.convert(picture)
            for module in self._formats
        }

    def take(self, name: str, source: str) -> bool:
        """Takes over the results of a picture that an earlier run has written.

        Args:
          name: First part of the names of its files.
          source: Hash of all that determines the results.

        Returns:
          Whether all files of the picture were there, made from `source`.
        """
        kept = self._kept(name, source)
        if not (
            kept["files"].keys() >= self._own
            and kept["joined"].keys() >= self._joined.keys()
            and all(self._size(file, name) == kept["files"][file] for file in self._own)
        ):
            return False
        self._known[name] = {*kept["files"], *kept["joined"]}
        for file_name, contents in self._joined.items():
            contents.append(kept["joined"][file_name])
        return True

    def write(self, name: str, converted: dict[str, Any], source: str | None = None) -> list[str]:
        """Writes the files of one picture, and keeps what belongs into a file of all pictures.

        Args:
          name: First part of the names of its files.
          converted: As `convert` returns it.
          source: Hash of all that determines the results, with which a later run can `take` them.

        Returns:
          The paths that were written.
        """
        kept = self._kept(name, source)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._source_path(name))
        written = []
        for file_name, content in converted.items():
            if file_name in self._joined:
                self._joined[file_name].append(content)
                kept["joined"][file_name] = content
            else:
                written.append(os.path.join(self._output_dir, file_name))
                files.write_bytes(written[-1], content)
        kept["files"] |= {file: self._size(file, name) for file in self._own}
        self._known[name] = {*kept["files"], *kept["joined"]}
        if source is not None:
            noted = {key: dict(sorted(value.items())) for key, value in kept.items()}
            files.write_json(self._source_path(name), {"source": source, **noted})
        return written

    def find_others(self, keys: Sequence[str]) -> list[str]:
        """Returns the paths of results that other settings, or other pictures, have left.

        Args:
          keys: First parts of the names of the files of all pictures of the run.
        """
        if self._is_new:
            return []
        all_known = {name: self._known.get(name, set()) for name in keys}
        found = []
        for module in map(formats.load, formats.FORMATS):
            file = module.FILE_NAME
            if hasattr(module, "join"):
                is_here = file in self._joined
                if not is_here and not all(file in known for known in all_known.values()):
                    found.append(os.path.join(self._output_dir, file))
            else:
                found += [
                    os.path.join(self._output_dir, file.format(name=name))
                    for name, known in all_known.items()
                    if file not in known
                ]
        return list(filter(os.path.isfile, found))

    def finish(self) -> list[str]:
        """Writes the files that hold all pictures; returns their paths."""
        written = []
        for module in self._formats:
            if self._joined.get(module.FILE_NAME):
                written.append(os.path.join(self._output_dir, module.FILE_NAME))
                files.write_bytes(written[-1], module.join(self._joined[module.FILE_NAME]))
        return written

    def _kept(self, name: str, source: str | None) -> dict[str, Any]:
        """Returns what an earlier run has written of a picture, made from `source`.

        Returns:
          "files": the sizes of the files, bytes; "joined": what belongs into the files of all
          pictures; both by the formats' `FILE_NAME`. Both are empty if nothing was written, if it
          was made from something else, or if the note of it is damaged.
        """
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            kept = structured.read_json(self._source_path(name))
            if source is not None and kept["source"] == source:
                return {"files": dict(kept["files"]), "joined": dict(kept["joined"])}
        return {"files": {}, "joined": {}}

    def _size(self, file_name: str, name: str) -> int | None:
        """Returns the size of a picture's file of a format, None if there is no such file."""
        path = os.path.join(self._output_dir, file_name.format(name=name))
        return os.path.getsize(path) if os.path.isfile(path) else None

    def _source_path(self, name: str) -> str:
        return os.path.join(names.subfolder(self._output_dir, SOURCE_FOLDER), f"{name}.json")
