"""Finds the library's files: in a checkout beside the package, in a wheel inside it."""

import os
from collections.abc import Callable

_PACKAGE = os.path.dirname(os.path.abspath(__file__))

FOLDERS = ("tools", "configs", "models")
"""Folders of the checkout that a wheel has as well."""

SHARE = "share"
"""Folder of the package into which setup.py copies them for a wheel."""

PRESETS = os.path.join("configs", "presets")
EXPERIMENTS = os.path.join("configs", "experiments")
CLASS_TABLES = os.path.join("configs", "class_tables")
FLAGFILES = os.path.join("tools", "flagfiles")
MODELS = "models"


def root() -> str:
    """Returns the folder that holds `FOLDERS`."""
    in_wheel = os.path.join(_PACKAGE, SHARE)
    return in_wheel if os.path.isdir(in_wheel) else os.path.dirname(_PACKAGE)


def names(folder: str, suffix: str) -> list[str]:
    """Returns the names, without suffix, of the files in a folder of the root, sorted."""
    path = os.path.join(root(), folder)
    found = os.listdir(path) if os.path.isdir(path) else []
    return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))


def find(name_or_path: str, folder: str, suffix: str) -> str | None:
    """Returns the path of a file that is given by its bare name or by a path.

    Args:
      name_or_path: The name of a file in `folder`, without suffix; or a path, relative to the
        current folder or else to the root, so that `configs/...` works from any folder.
      folder: Folder of the root, one of the constants above.
      suffix: How its files end, such as ".yaml".

    Returns:
      The path, or None if there is no such file.
    """
    if name_or_path in names(folder, suffix):
        return os.path.join(root(), folder, name_or_path + suffix)
    return locate(name_or_path, os.path.isfile)


def locate(path: str, exists: Callable[[str], bool]) -> str | None:
    """Returns a path relative to the current folder or else to the root; None if neither exists."""
    return next(filter(exists, (path, os.path.join(root(), path))), None)
