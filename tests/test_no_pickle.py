"""Nothing that is loaded can bring code along: no pickle, no eval, no whole Keras models."""

import ast
import os
import subprocess
import sys
import textwrap

import pytest
from running import ROOT, environment

_MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "torch", "h5py",
    "tarfile",
}  # fmt: skip
_CALLS = {
    "eval", "exec", "numpy.load", "np.load", "yaml.unsafe_load", "yaml.full_load", "load_model",
    "extractall", "unpack_archive", "py_function", "numpy_function",
    "enable_unsafe_deserialization",
}  # fmt: skip
_ALLOWED = {
    ("affinity_seg/structured.py", "yaml.load"),
    ("checks/true_networks.py", "tf.numpy_function"),
}
"""A loader of its own, which is a SafeLoader, see tests/test_structured.py; and a stand-in for a
network, which looks up the truth of an image in this process and is never saved."""


def _findings(source, path):
    """Yields what a file imports or calls that could run code from data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = {alias.name.split(".")[0] for alias in node.names} & _MODULES
        elif isinstance(node, ast.ImportFrom):
            found = {(node.module or "").split(".")[0]} & _MODULES
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            dangerous = name in _CALLS or name.split(".")[-1] in _CALLS or name == "yaml.load"
            found = {name} if dangerous else set()
            found |= {"allow_pickle" for keyword in node.keywords if keyword.arg == "allow_pickle"}
        else:
            continue
        for name in found:
            if (path, name) not in _ALLOWED:
                yield f"{path}:{node.lineno}: {name}"


def test_no_source_file_can_load_code():
    found, count = [], 0
    for top in ("affinity_seg", "tools", "benchmarks", "checks", "synthetic"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    count += 1
                    with open(path, encoding="utf-8") as file:
                        found += _findings(file.read(), os.path.relpath(path, ROOT))
    assert count > 100 and found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "np.load(path)",
        "np.savez(path, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "tf_keras.models.load_model(path)",
        "archive.extractall(folder)",
        "eval(text)",
    ],
)
def test_the_search_finds(source):
    assert len(list(_findings(source, "x.py"))) == 1


def test_python_unpickles_nothing_while_a_run_is_loaded(tmp_path):
    """Python itself tells of every class that an unpickler looks up."""
    code = """
        import sys
        import numpy as np
        from affinity_seg import class_tables
        from affinity_seg.configs import experiments
        from faults import scene
        from affinity_seg.pipeline import prediction_runs
        from affinity_seg.modeling import loading

        seen = []
        scene.write_network(sys.argv[1], experiments.SEMANTIC, np.full((32, 48, 3), 90, np.uint8))
        sys.addaudithook(lambda event, args: seen.append(event) if "pickle" in event else None)
        network = loading.load_network(sys.argv[1])
        assert network.class_table == class_tables.CITYSCAPES
        assert seen == [], seen
        import pickle
        pickle.loads(pickle.dumps(network.class_table))
        assert seen, "the hook does not work"
        print("loaded")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        env=environment(PYTHONPATH=os.pathsep.join([ROOT, os.path.join(ROOT, "tests")])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "loaded\n", done.stderr[-3000:]
