"""Repository rule that finds the TensorFlow of the Python at hand.

It asks tf.sysconfig for headers, library and compile flags; nothing of TensorFlow is copied here.
Targets, with the flags of the installed wheel: `@tensorflow//:framework`, headers and
libtensorflow_framework; `@tensorflow//:cc`, all of TensorFlow for programs of their own. The Python is, in this order: $PYTHON_BIN_PATH, $VIRTUAL_ENV/bin/python,
.venv/bin/python of this workspace, python3 on the PATH.
"""

_QUERY = """
import json, os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
print(json.dumps({
    "version": tf.__version__,
    "include": tf.sysconfig.get_include(),
    "library_dir": tf.sysconfig.get_lib(),
    "flags": [f for f in tf.sysconfig.get_compile_flags() if f.startswith("-D")],
}))
"""

_BUILD = """
package(default_visibility = ["//visibility:public"])

cc_library(
    name = "framework",
    srcs = ["libtensorflow_framework.so.2"],
    hdrs = glob({headers}),
    defines = {defines},
    includes = ["include"],
)

cc_library(
    name = "cc",
    srcs = ["libtensorflow_cc.so.2"],
    deps = [":framework"],
)
"""

# The folders of headers that the C++ here includes from, itself or through others: if a header is not
# found, add its folder. Bazel takes half a minute to look at all 16,000 headers of the wheel.
_HEADERS = [
    "include/{}/**".format(folder)
    for folder in [
        "Eigen",
        "absl",
        "google/protobuf",
        "ml_dtypes",
        "tensorflow/cc",
        "tensorflow/core",
        "tsl",
        "unsupported",
        "xla/tsl",
    ]
]

_LIBRARIES = ["libtensorflow_framework.so.2", "libtensorflow_cc.so.2"]

def _python(repository_ctx):
    environ = repository_ctx.os.environ
    candidates = []
    if environ.get("PYTHON_BIN_PATH"):
        return environ["PYTHON_BIN_PATH"]
    if environ.get("VIRTUAL_ENV"):
        candidates.append(repository_ctx.path(environ["VIRTUAL_ENV"] + "/bin/python"))
    workspace = repository_ctx.path(Label("//:WORKSPACE")).dirname
    candidates.append(workspace.get_child(".venv").get_child("bin").get_child("python"))
    for candidate in candidates:
        if candidate.exists:
            return candidate
    return repository_ctx.which("python3")

def _tensorflow_configure_impl(repository_ctx):
    python = _python(repository_ctx)
    result = repository_ctx.execute([python, "-c", _QUERY])
    if result.return_code != 0:
        fail("{} has no TensorFlow; run `make setup` or set PYTHON_BIN_PATH:\n{}".format(
            python,
            result.stderr,
        ))
    answer = json.decode(result.stdout.strip().split("\n")[-1])
    repository_ctx.symlink(answer["include"], "include")
    for library in _LIBRARIES:
        repository_ctx.symlink(answer["library_dir"] + "/" + library, library)
    defines = [flag[len("-D"):] for flag in answer["flags"]]
    defines.append("AFFINITY_SEG_TENSORFLOW=" + answer["version"])
    repository_ctx.file("BUILD", _BUILD.format(defines = repr(defines), headers = repr(_HEADERS)))

tensorflow_configure = repository_rule(
    implementation = _tensorflow_configure_impl,
    environ = ["PYTHON_BIN_PATH", "VIRTUAL_ENV"],
    local = True,
)
