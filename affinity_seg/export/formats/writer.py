"""Writes the results of pictures in the formats that were chosen."""

import os
import tempfile
from collections.abc import Sequence
from typing import Any

from affinity_seg import files
from affinity_seg.export import formats
from affinity_seg.export.formats.picture import SegmentedPicture


class Writer:
    """Writes the files of a run.

    The files of all pictures are written by `finish`, unless no picture was written. A picture is
    first converted, which can fail, and then written. So a picture that one format
    cannot hold is in no file.
    """

    def __init__(self, output_dir: str, names: Sequence[str]):
        """Makes a writer.

        Args:
          output_dir: Folder, made if needed.
          names: Formats, some of `formats.FORMATS`.
        """
        self._output_dir = output_dir
        self._formats = [formats.load(name) for name in names]
        self._joined: dict[str, list[Any]] = {
            module.FILE_NAME: [] for module in self._formats if hasattr(module, "join")
        }

    def check(self, names: Sequence[str], inputs: Sequence[str]) -> None:
        """Makes the folder, and makes sure that the results can be written and replace no picture.

        Args:
          names: First parts of the names of the pictures' files.
          inputs: Paths of the pictures.

        Raises:
          ValueError: The folder cannot be made or written, or a result has the path of a picture.
        """
        if not self._output_dir:
            raise ValueError("`--output_dir` must be the path of a folder: ''")
        try:
            os.makedirs(self._output_dir, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._output_dir):
                pass
        except OSError as error:
            raise ValueError(
                f"`--output_dir` must be a folder that can be written, {error.strerror}: "
                f"{self._output_dir}"
            ) from error
        results = (
            os.path.join(self._output_dir, module.FILE_NAME.format(name=name))
            for name in names
            for module in self._formats
        )
        pictures = {os.path.realpath(path) for path in inputs}
        replaced = [path for path in results if os.path.realpath(path) in pictures]
        if replaced:
            raise ValueError(
                "`--output_dir` must be another folder, where no result replaces a picture: "
                f"{replaced[0]} is one of the pictures"
            )

    def convert(self, picture: SegmentedPicture) -> dict[str, Any]:
        """Returns what each file is to hold of a picture, by the name of the file.

        Raises:
          ValueError: A format cannot hold it.
        """
        return {
            module.FILE_NAME.format(name=picture.name): module.convert(picture)
            for module in self._formats
        }

    def write(self, converted: dict[str, Any]) -> list[str]:
        """Writes the files of one picture, and keeps what belongs into a file of all pictures.

        Args:
          converted: As `convert` returns it.

        Returns:
          The paths that were written.
        """
        written = []
        for file_name, content in converted.items():
            if file_name in self._joined:
                self._joined[file_name].append(content)
            else:
                written.append(os.path.join(self._output_dir, file_name))
                files.write_bytes(written[-1], content)
        return written

    def finish(self) -> list[str]:
        """Writes the files that hold all pictures; returns their paths."""
        written = []
        for module in self._formats:
            if self._joined.get(module.FILE_NAME):
                written.append(os.path.join(self._output_dir, module.FILE_NAME))
                files.write_bytes(written[-1], module.join(self._joined[module.FILE_NAME]))
        return written
