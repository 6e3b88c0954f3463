"""The file of a synthetic data set that holds its arguments."""

import os

from affinity_seg import files, structured


def claim(output_dir: str, file_name: str, arguments: dict[str, int | float], images: str) -> None:
    """Makes sure that a folder holds no images but those of these arguments, and says so in it.

    Temporary files of runs that were killed are removed.

    Args:
      output_dir: The folder.
      file_name: The file in it that holds the arguments.
      arguments: The arguments by name.
      images: What the folder holds beside the file if it holds images.

    Raises:
      ValueError: It holds images of other arguments, or of another source.
    """
    path = os.path.join(output_dir, file_name)
    if os.path.exists(path):
        try:
            known = dict(structured.read_json(path))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: not the arguments of a data set: {error}") from error
        for name, value in arguments.items():
            if known.get(name) != value:
                raise ValueError(
                    f"{output_dir} holds a data set of other arguments: `{name}` must be "
                    f"{known.get(name)} as in {path}, or choose another folder: {value}"
                )
    elif os.path.isdir(os.path.join(output_dir, images)):
        raise ValueError(
            f"{output_dir} holds images, but no {file_name} that tells their arguments; "
            "choose another folder"
        )
    for folder, _, _ in os.walk(output_dir):
        files.remove_leftovers(folder)
    files.write_json(path, arguments)
