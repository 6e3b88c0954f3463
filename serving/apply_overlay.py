"""Puts the ops into a checkout of TensorFlow Serving, for a model server that has them built in.

    git clone --branch=2.20.0 --depth=1 https://github.com/tensorflow/serving ../tensorflow_serving
    python serving/apply_overlay.py --serving_dir=../tensorflow_serving

writes tensorflow_serving/custom_ops/affinity_seg (our sources, their BUILD file, Highway's headers)
and adds one line to the list of ops in tensorflow_serving/model_servers/BUILD. A second run changes
nothing; --check only looks whether all of it is there. Needs no package but absl.
"""

import ast
import glob
import os
import re
import sys

from absl import app, flags

from affinity_seg import files

flags.DEFINE_string("serving_dir", None, "Checkout of TensorFlow Serving.", required=True)
flags.DEFINE_string(
    "highway_dir", "/usr/include", "Folder with Highway's hwy/highway.h (Debian: libhwy-dev)."
)
flags.DEFINE_bool("check", False, "Only look whether the checkout has the overlay; write nothing.")
FLAGS = flags.FLAGS

PACKAGE = "tensorflow_serving/custom_ops/affinity_seg"
LABEL = f"//{PACKAGE}:affinity_seg_ops"
SERVER_BUILD = "tensorflow_serving/model_servers/BUILD"
OPS_LIST = "SUPPORTED_TENSORFLOW_OPS"

_ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
_BUILD = os.path.join(_ROOT, "serving", "affinity_seg.BUILD")


def overlay_files(highway_dir: str) -> dict[str, bytes]:
    """Returns what belongs into the folder PACKAGE: contents by path.

    Raises:
      FileNotFoundError: `highway_dir` has no Highway.
    """
    if not os.path.exists(os.path.join(highway_dir, "hwy", "highway.h")):
        raise FileNotFoundError(
            f"`highway_dir` has no hwy/highway.h (Debian: libhwy-dev): {highway_dir}"
        )
    build = _read(_BUILD)
    strings = _strings(ast.parse(build))
    sources = {path: _read(os.path.join(_ROOT, path)) for path in strings if path.startswith("cc/")}
    headers = {
        path: _read(os.path.join(highway_dir, path))
        for pattern in ("hwy/*.h", "hwy/ops/*.h")
        for path in glob.glob(pattern, root_dir=highway_dir)
    }
    return {"BUILD": build, **sources, **headers}


def with_ops(build: bytes, path: str) -> bytes:
    """Returns the BUILD file of the model server with LABEL in its list of ops.

    The label becomes the list's first element; a file that has it stays as it is.

    Args:
      build: The file's content.
      path: Its name, for errors.

    Raises:
      ValueError: The file is no BUILD file, or has no list of ops that a rule uses.
    """
    try:
        tree = ast.parse(build)  # The BUILD language is a part of Python.
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a BUILD file: {error}") from None
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and _is_ops_list(node.targets[0])
    ]
    used = any(_is_ops_list(node) and isinstance(node.ctx, ast.Load) for node in ast.walk(tree))
    ops = _last_list(values[0]) if len(values) == 1 else None
    if ops is None or not used:
        raise ValueError(f"{path} has no list {OPS_LIST} that a rule uses")
    if LABEL in _strings(values[0]):
        return build
    lines = build.splitlines(keepends=True)
    line, column = lines[ops.lineno - 1], ops.col_offset + 1
    new_line = line[len(line.rstrip(b"\r\n")) :]
    if ops.end_lineno > ops.lineno:
        element = new_line + f'    "{LABEL}",'.encode()
    else:
        element = f'"{LABEL}"{", " if ops.elts else ""}'.encode()
    lines[ops.lineno - 1] = line[:column] + element + line[column:]
    return b"".join(lines)


def apply(serving_dir: str, overlay: dict[str, bytes]) -> None:
    """Writes what is missing or different; the list of ops last, so that it never names a gap."""
    server, before = _server_build(serving_dir)
    after = with_ops(before, server)
    _refuse_strangers(serving_dir, overlay)
    for path in _different(serving_dir, overlay):
        files.write_bytes(os.path.join(serving_dir, PACKAGE, path), overlay[path])
    if after != before:
        files.write_bytes(server, after)


def check(serving_dir: str, overlay: dict[str, bytes]) -> None:
    """Looks whether the checkout has the whole overlay and nothing else in its folder.

    Raises:
      FileNotFoundError: `serving_dir` is no checkout.
      ValueError: Something is missing, different, or too much; the message says what.
    """
    server, build = _server_build(serving_dir)
    missing = with_ops(build, server) != build
    _refuse_strangers(serving_dir, overlay)
    different = _different(serving_dir, overlay)
    if different:
        raise ValueError(
            f"{os.path.join(serving_dir, PACKAGE)} is not this overlay: {len(different)} of "
            f"{len(overlay)} files are missing or differ, the first is {different[0]}"
        )
    if missing:
        raise ValueError(f"{server} has no {LABEL} in {OPS_LIST}")


def _server_build(serving_dir: str) -> tuple[str, bytes]:
    """Returns path and content of the BUILD file of the model server."""
    path = os.path.join(serving_dir, SERVER_BUILD)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{serving_dir} is no checkout of TensorFlow Serving: it has no {SERVER_BUILD}"
        )
    return path, _read(path)


def _refuse_strangers(serving_dir: str, overlay: dict[str, bytes]) -> None:
    """Raises a ValueError if the overlay's folder holds files of something else."""
    folder = os.path.join(serving_dir, PACKAGE)
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            if os.path.relpath(path, folder) not in overlay:
                raise ValueError(f"{path} is not of this overlay: remove {folder} and apply again")


def _different(serving_dir: str, overlay: dict[str, bytes]) -> list[str]:
    def is_there(path: str) -> bool:
        written = os.path.join(serving_dir, PACKAGE, path)
        return os.path.exists(written) and _read(written) == overlay[path]

    return [path for path in sorted(overlay) if not is_there(path)]


def _last_list(value: ast.expr) -> ast.List | None:
    """Returns the last list that is written out in a sum of lists."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return _last_list(value.right) or _last_list(value.left)
    return value if isinstance(value, ast.List) else None


def _is_ops_list(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == OPS_LIST


def _strings(tree: ast.AST) -> list[str]:
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [value for value in constants if isinstance(value, str)]


def _highway_version(overlay: dict[str, bytes]) -> str:
    header = overlay["hwy/highway.h"].decode()
    return ".".join(re.findall(r"^#define HWY_(?:MAJOR|MINOR|PATCH) (\d+)", header, re.MULTILINE))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    try:
        overlay = overlay_files(FLAGS.highway_dir)
        if not FLAGS.check:
            apply(FLAGS.serving_dir, overlay)
        check(FLAGS.serving_dir, overlay)
    except (OSError, ValueError) as error:
        sys.exit(f"{os.path.basename(argv[0])}: {error}")
    print(
        f"{FLAGS.serving_dir} has {LABEL} in {OPS_LIST}: "
        f"{len(overlay)} files, Highway {_highway_version(overlay)}"
    )


if __name__ == "__main__":
    app.run(main)
