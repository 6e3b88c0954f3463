"""Which modules of the project import which, and the order they must keep.

    python tests/architecture.py

writes docs/architecture.md; test_architecture.py holds the imports against `MODULES` and
`CC_MODULES`.
"""

import ast
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Set

from affinity_seg import files

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = "docs/architecture.md"
PACKAGE = "affinity_seg"

MODULES = (
    "version",
    "resources",
    "structured",
    "fields",
    "neighbors",
    "grids",
    "ious",
    "percentiles",
    "labels",
    "class_tables",
    "merge_options",
    "region_options",
    "instances",
    "common",
    "files",
    "names",
    "input_errors",
    "cli",
    "rejected_inputs",
    "data",
    "model_garden",
    "configs",
    "dataloaders",
    "modeling",
    "model_folder",
    "losses",
    "tasks",
    "ops",
    "evaluation",
    "pipeline",
    "visualization",
    "export",
    "analysis",
    "serving",
    "model",
    "beam",
    "fitting",
    "tool_flags",
    "verbs",
    "synthetic",
    "checks",
    "benchmarks",
)
"""Folders and files in the order of the flow: each imports from those above it."""

FOR_DEVELOPERS = ("synthetic", "checks", "benchmarks")
"""Modules that stand beside the package and are not in its wheel; all others are in it."""

TRAINING = ("dataloaders", "losses", "tasks")
"""Modules that only training needs."""

USES_TRAINING = ("fitting", "verbs", "benchmarks")
"""Modules outside of training that may import from `TRAINING`."""

CC_MODULES = {
    "lib": ("the merge in plain C++17", {"cc/lib", "gmock", "gtest", "hwy"}),
    "ops": ("registration of the ops, shape functions", {"absl", "tensorflow"}),
    "kernels": ("tensors in and out", {"cc/kernels", "cc/lib", "tensorflow"}),
    "serving": ("runs an exported model", {"tensorflow"}),
    "fuzz": ("fuzz target", {"cc/lib", "gtest"}),
    "benchmarks": ("Google Benchmark of the merge", {"benchmark", "cc/lib"}),
}
"""What each folder of cc/ is, and all that its files may include beside the standard library."""

_INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)

_FOR_ALL = MODULES[: MODULES.index("rejected_inputs")]
"""Modules that are left out of the drawing, where they would point at everything."""


class Module:
    """A folder or a file of Python.

    Attributes:
      summary: The first line of its docstring.
      imports: The modules it imports from, each with the places, "file:line".
    """

    def __init__(self, path: pathlib.Path):
        """Reads a folder or a file, `path`."""
        sources = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        head = path / "__init__.py" if path.is_dir() else path
        self.summary = _summary(head)
        self.imports: dict[str, list[str]] = {}
        for source in sources:
            for module, line in _imported_modules(source):
                if module != path.stem:
                    where = f"{source.relative_to(ROOT)}:{line}"
                    self.imports.setdefault(module, []).append(where)


def read_modules() -> dict[str, Module]:
    """Returns the modules of the package and those beside it by name, in any order."""
    folder = ROOT / PACKAGE
    paths = [path.parent for path in folder.glob("*/__init__.py")]
    paths += [path for path in folder.glob("*.py") if not path.name.startswith("__")]
    paths += [ROOT / name for name in FOR_DEVELOPERS]
    return {path.stem: Module(path) for path in sorted(paths)}


def find_faults(modules: Mapping[str, Module]) -> list[str]:
    """Returns what breaks the order of `MODULES`, one message each."""
    faults = []
    for name in sorted(set(modules) - set(MODULES)):
        last = max(modules[name].imports, key=_place, default=MODULES[0])
        faults.append(
            f"{PACKAGE}/{name} is a new module: write its name into MODULES of "
            f"tests/architecture.py, below {last!r} and above the modules that import from it; "
            "then `make architecture`"
        )
    faults += [
        f"MODULES names {name!r}, which is not there" for name in MODULES if name not in modules
    ]
    for name, module in modules.items():
        for imported, places in module.imports.items():
            if imported not in modules:
                faults.append(f"{places[0]} imports {imported!r}, which is no module")
            elif name in MODULES and _place(imported) > _place(name):
                faults.append(
                    f"{', '.join(places)}: {name!r} stands above {imported!r} in MODULES of "
                    "tests/architecture.py and must not import from it; move what is shared up"
                )
            elif imported in TRAINING and name not in (*TRAINING, *USES_TRAINING):
                faults.append(
                    f"{', '.join(places)}: {name!r} must not import from {imported!r}, which is "
                    "of the training only"
                )
    return faults


def read_cc() -> dict[str, dict[str, list[str]]]:
    """Returns, for each folder of cc/, what its files include, each with the files.

    What is included is named by `cc/<folder>` or by its first folder, "tensorflow"; headers
    without a folder are the standard library's and are left out.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for path in sorted((ROOT / "cc").glob("*/**/*")):
        if path.suffix not in (".cc", ".h"):
            continue
        relative = path.relative_to(ROOT)
        includes = found.setdefault(relative.parts[1], {})
        for header in _INCLUDE.findall(path.read_text(encoding="utf-8")):
            parts = header.split("/")
            if len(parts) > 1:
                name = "/".join(parts[:2]) if parts[0] == "cc" else parts[0]
                includes.setdefault(name, []).append(str(relative))
    return found


def find_cc_faults(includes: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """Returns what breaks the rules of `CC_MODULES`, one message each."""
    if set(includes) != set(CC_MODULES):
        return [f"the folders of cc/ must be those of CC_MODULES: {sorted(includes)}"]
    return [
        f"{', '.join(sorted(set(places)))}: cc/{folder} must not include {name}, see CC_MODULES"
        for folder, (_, allowed) in CC_MODULES.items()
        for name, places in includes[folder].items()
        if name not in allowed
    ]


def page() -> str:
    """Returns docs/architecture.md. The modules must be without faults."""
    modules, includes = read_modules(), read_cc()
    imports = {name: sorted(modules[name].imports, key=_place) for name in MODULES}
    table = [f"| `{name}` | {modules[name].summary} | {_list(imports[name])} |" for name in MODULES]
    cc_table = [
        f"| `cc/{folder}` | {summary} | {_list(sorted(set(includes[folder]) - {f'cc/{folder}'}))} |"
        for folder, (summary, _) in CC_MODULES.items()
    ]
    arrows = [
        f"  {imported} --> {name}"
        for name in MODULES
        for imported in imports[name]
        if imported not in _FOR_ALL and not _follows(imported, name, imports)
    ]
    return _TEMPLATE.format(
        package=PACKAGE,
        for_all=_list(_FOR_ALL),
        training=_list(TRAINING),
        for_developers=_list(FOR_DEVELOPERS),
        arrows="\n".join(arrows),
        table="\n".join(table),
        cc_table="\n".join(cc_table),
    )


def _place(module: str) -> int:
    """Returns where a module stands in `MODULES`; new ones stand above all others."""
    return MODULES.index(module) if module in MODULES else -1


def _follows(imported: str, name: str, imports: Mapping[str, list[str]]) -> bool:
    """Returns whether `name` imports another module that leads to `imported` as well."""
    return any(imported in _reached(other, imports) for other in imports[name])


def _reached(name: str, imports: Mapping[str, list[str]]) -> Set[str]:
    return {module for other in imports[name] for module in (other, *_reached(other, imports))}


def _summary(source: pathlib.Path) -> str:
    """Returns the first line of a file's docstring without its full stop."""
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    if not text:
        raise ValueError(f"{source}: a module must begin with a docstring that says what it holds")
    return text.partition("\n")[0].rstrip(".")


def _imported_modules(source: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Yields the module and the line of each import of a module, anywhere in a file."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = source.relative_to(ROOT).parts[0]
                raise ValueError(f"{source}:{node.lineno}: imports must begin with {package}")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package == PACKAGE and rest:
                yield rest.split(".")[0], node.lineno
            elif package in FOR_DEVELOPERS:
                yield package, node.lineno


def _list(names) -> str:
    return ", ".join(f"`{name}`" for name in names) or "-"


_TEMPLATE = """# Architecture

<!-- `make architecture` writes this page from the imports; tests/architecture.py has its words. -->

A module is a folder or a file of `{package}/`. Three more modules are folders beside it:
{for_developers}. The wheel does not have them. Developers use them from
a checkout, as in `python -m benchmarks.merge`.

The modules are listed in the order of the data flow, which `MODULES` in `tests/architecture.py`
declares. Each imports only from modules above it, so there are no circular imports; a test checks
this.
{training} are for training only: code that segments images imports none of
them. A verb imports what it needs when it runs. The files in `tools/` start verbs.

| module | what it holds | imports from |
| --- | --- | --- |
{table}

`evaluation` is above `pipeline` because `pipeline` writes result files by its functions. The
metrics read result files only, so they can evaluate the results of any program.

The same as a graph. An arrow leads from a module to one that imports from it. Arrows that follow
from others are left out, and so are {for_all},
which all modules may use.

```mermaid
flowchart TD
{arrows}
```

## C++

| folder | what it holds | includes, beside itself and the standard library |
| --- | --- | --- |
{cc_table}

The library knows no TensorFlow; the kernels bring tensors to it. Registrations and kernels do not
include each other: TensorFlow joins them by the op's name.
"""


if __name__ == "__main__":
    found = find_faults(read_modules()) + find_cc_faults(read_cc())
    if found:
        raise SystemExit("\n".join(found))
    files.write_bytes(os.path.join(ROOT, PAGE), page().encode())
