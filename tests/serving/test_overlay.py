"""What serving/ puts into TensorFlow Serving: the sources, the list of ops, the Dockerfile."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import dockerfile
import pytest
from running import ROOT, run_program

PACKAGE = "tensorflow_serving/custom_ops/affinity_seg"
LABEL = f"//{PACKAGE}:affinity_seg_ops"
SERVER_BUILD = "tensorflow_serving/model_servers/BUILD"

# The list is a sum with calls in it, and lines with brackets that do not end it.
MODEL_SERVER = """\
load("//tensorflow_serving:version.bzl", "if_not_v2", "if_v2")

# SUPPORTED_TENSORFLOW_OPS = [], a comment
SUPPORTED_TENSORFLOW_OPS = if_v2([]) + if_not_v2([
    "@org_tensorflow//tensorflow/contrib:contrib_kernels",
]) + [
    "@org_tensorflow_text//tensorflow_text:ops_lib",
    # Forests [inference only]
    "@org_tensorflow_decision_forests//inference:kernel_and_op",
]

cc_library(
    name = "server_lib",
    srcs = ["server.cc"],
    deps = ["@org_tensorflow//tensorflow/core:tensorflow"] + SUPPORTED_TENSORFLOW_OPS,
)

cc_binary(
    name = "tensorflow_model_server",
    srcs = ["main.cc"],
    deps = [":server_lib"],
)
"""

# What a checkout has around it, with targets of nothing in place of the dependencies.
WORKSPACE = f"""\
workspace(name = "tf_serving")
[local_repository(name = name, path = "external/" + name) for name in [
    "org_tensorflow", "org_tensorflow_text", "org_tensorflow_decision_forests",
]]
local_repository(name = "rules_cc", path = "{ROOT}/third_party/rules_cc")
local_repository(
    name = "remote_coverage_tools",
    path = "{ROOT}/third_party/remote_coverage_tools",
)
local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
local_repository(name = "platforms", path = "/usr/share/bazel/platforms")
"""
EMPTY_TARGETS = {
    "org_tensorflow/tensorflow/core": ["framework", "tensorflow"],
    "org_tensorflow_text/tensorflow_text": ["ops_lib"],
    "org_tensorflow_decision_forests/inference": ["kernel_and_op"],
}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def write(content, *path):
    os.makedirs(os.path.dirname(os.path.join(*path)), exist_ok=True)
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(content)


def run_script(folder, *arguments):
    return run_program("serving/apply_overlay.py", folder, "--serving_dir=checkout", *arguments)


def state(folder):
    """Returns content and time of every file."""
    return {
        os.path.join(parent, name): (
            os.stat(os.path.join(parent, name)).st_mtime_ns,
            open(os.path.join(parent, name), "rb").read(),
        )
        for parent, _, names in os.walk(folder)
        for name in names
    }


@pytest.fixture
def checkout(tmp_path):
    write(MODEL_SERVER, tmp_path, "checkout", SERVER_BUILD)
    return tmp_path / "checkout"


def library(build, name):
    """Returns the attributes of a cc_library in the text of a BUILD file."""
    for call in ast.walk(ast.parse(build)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "cc_library":
            values = {keyword.arg: _value(keyword.value) for keyword in call.keywords}
            if values["name"] == name:
                return values
    raise AssertionError(f"no cc_library {name}")


def _value(node):
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp):  # A list and a glob, or "-I" and a call.
        return _value(node.left)
    return [_value(element) for element in node.elts]


def sources_of_library(builds, package="cc", name="graph_merge_op_library"):
    """Returns (sources, textual headers) of a library of ours and of all that it needs."""
    rule = library(builds[package], name)
    found = [
        {f"{package}/{file}" for key in keys for file in rule.get(key, [])}
        for keys in (("srcs", "hdrs"), ("textual_hdrs",))
    ]
    for label in rule.get("deps", []):
        if not label.startswith("@"):
            needed = label[2:].split(":") if label.startswith("//") else (package, label[1:])
            for mine, theirs in zip(found, sources_of_library(builds, *needed), strict=True):
                mine |= theirs
    return found


def sources_of_overlay():
    rule = library(read(ROOT, "serving/affinity_seg.BUILD"), "affinity_seg_ops")
    for key in ("srcs", "textual_hdrs"):
        assert rule[key] == sorted(set(rule[key]))
    return [set(rule["srcs"]), set(rule["textual_hdrs"])]


def our_builds():
    return {package: read(ROOT, package, "BUILD") for package in ("cc", "cc/lib")}


def test_sources_are_exactly_those_of_the_library():
    assert sources_of_overlay() == sources_of_library(our_builds())


@pytest.mark.parametrize(
    "package, attribute",
    [("cc", "srcs"), ("cc/lib", "srcs"), ("cc/lib", "hdrs"), ("cc/lib", "textual_hdrs")],
)
def test_a_file_that_only_the_library_has_is_noticed(package, attribute):
    builds = our_builds()
    builds[package] = re.sub(rf" {attribute} = \[", r'\g<0>"new.h", ', builds[package], count=1)
    assert sources_of_overlay() != sources_of_library(builds)


def test_attributes_and_the_flags_that_results_depend_on():
    rule = library(read(ROOT, "serving/affinity_seg.BUILD"), "affinity_seg_ops")
    assert rule["alwayslink"] == 1
    assert rule["deps"] == ["@org_tensorflow//tensorflow/core:framework"]
    for flag in ("-O3", "-ffp-contract=off"):
        assert flag in rule["copts"] and f"build --copt={flag}\n" in read(ROOT, ".bazelrc")


def test_script_adds_one_line_and_our_files(checkout, tmp_path):
    run = run_script(tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"checkout has {LABEL} in SUPPORTED_TENSORFLOW_OPS" in run.stdout
    expected = MODEL_SERVER.replace("]) + [\n", f']) + [\n    "{LABEL}",\n')
    assert read(checkout, SERVER_BUILD) == expected
    assert read(checkout, PACKAGE, "BUILD") == read(ROOT, "serving/affinity_seg.BUILD")
    sources, _ = sources_of_overlay()
    for path in sources:
        assert read(checkout, PACKAGE, path) == read(ROOT, path)
    headers = {os.path.relpath(path, checkout / PACKAGE) for path in state(checkout / PACKAGE)}
    headers -= {*sources, "BUILD"}
    assert {"hwy/highway.h", "hwy/foreach_target.h", "hwy/ops/x86_256-inl.h"} <= headers
    assert all(re.fullmatch(r"hwy/(ops/)?[\w-]+\.h", path) for path in headers)


def test_second_run_changes_nothing_and_check_agrees(checkout, tmp_path):
    untouched = state(checkout)
    run = run_script(tmp_path, "--check")
    assert run.returncode == 1 and "files are missing or differ" in run.stderr
    assert state(checkout) == untouched
    run_script(tmp_path)
    applied = state(checkout)
    for arguments in ((), ("--check",)):
        run = run_script(tmp_path, *arguments)
        assert run.returncode == 0, run.stderr
        assert state(checkout) == applied


def test_check_says_what_is_wrong_and_a_run_repairs_it(checkout, tmp_path):
    run_script(tmp_path)
    write("// older", checkout, PACKAGE, "cc/lib/mean.h")
    os.remove(checkout / PACKAGE / "cc/lib/regions.h")
    run = run_script(tmp_path, "--check")
    assert run.returncode == 1
    assert "2 of " in run.stderr and run.stderr.endswith("the first is cc/lib/mean.h\n")
    assert run_script(tmp_path).returncode == 0
    write(MODEL_SERVER, checkout, SERVER_BUILD)
    run = run_script(tmp_path, "--check")
    assert run.stderr.endswith(f"BUILD has no {LABEL} in SUPPORTED_TENSORFLOW_OPS\n")
    assert run_script(tmp_path).returncode == 0


@pytest.mark.parametrize(
    "before, after",
    [
        ("[]", f'["{LABEL}"]'),
        ('["//a:b"]', f'["{LABEL}", "//a:b"]'),
        ('[\n    "//a:b"\n]', f'[\n    "{LABEL}",\n    "//a:b"\n]'),  # No comma at the end.
        ('[\r\n    "//a:b",\r\n]', f'[\r\n    "{LABEL}",\r\n    "//a:b",\r\n]'),
        ('["//ä:b"] + if_v2(["//a:b"])', f'["{LABEL}", "//ä:b"] + if_v2(["//a:b"])'),
        (f'if_v2(["{LABEL}"]) + []', f'if_v2(["{LABEL}"]) + []'),
    ],
)
def test_lists_of_other_forms(checkout, tmp_path, before, after):
    text = (
        "SUPPORTED_TENSORFLOW_OPS = %s\ncc_library(name = 's', deps = SUPPORTED_TENSORFLOW_OPS)\n"
    )
    (checkout / SERVER_BUILD).write_bytes((text % before).encode())
    run = run_script(tmp_path)
    assert run.returncode == 0, run.stderr
    assert (checkout / SERVER_BUILD).read_bytes() == (text % after).encode()


USE = "cc_library(name = 's', deps = SUPPORTED_TENSORFLOW_OPS)\n"


@pytest.mark.parametrize(
    "build, message",
    [
        ("", "has no list SUPPORTED_TENSORFLOW_OPS that a rule uses"),
        ("SUPPORTED_TENSORFLOW_OPS = []\n", "has no list SUPPORTED_TENSORFLOW_OPS"),
        (f"# SUPPORTED_TENSORFLOW_OPS = []\n{USE}", "has no list SUPPORTED_TENSORFLOW_OPS"),
        (f"SUPPORTED_TENSORFLOW_OPS = OTHER + if_v2([])\n{USE}", "has no list SUPPORTED"),
        (2 * "SUPPORTED_TENSORFLOW_OPS = []\n" + USE, "has no list SUPPORTED_TENSORFLOW_OPS"),
        ("#!/bin/sh\nif true; then\n", "cannot be read as a BUILD file: "),
        ("\0", "cannot be read as a BUILD file: "),
        (None, "checkout is no checkout of TensorFlow Serving: it has no " + SERVER_BUILD),
    ],
)
def test_other_checkouts_are_refused(checkout, tmp_path, build, message):
    if build is None:
        os.remove(checkout / SERVER_BUILD)
    else:
        write(build, checkout, SERVER_BUILD)
    before = state(checkout)
    for arguments in ((), ("--check",)):
        run = run_script(tmp_path, *arguments)
        assert run.returncode == 1
        assert run.stderr.startswith("apply_overlay.py: ") and run.stderr.count("\n") == 1
        assert message in run.stderr and "checkout" in run.stderr
        assert state(checkout) == before


def test_files_of_something_else_and_a_missing_highway_are_refused(checkout, tmp_path):
    before = state(checkout)
    run = run_script(tmp_path, "--highway_dir=nowhere")
    assert run.returncode == 1 and "`highway_dir` has no hwy/highway.h" in run.stderr
    assert state(checkout) == before
    write("", checkout, PACKAGE, "hwy/older.h")
    run = run_script(tmp_path)
    assert run.returncode == 1
    assert f"{PACKAGE}/hwy/older.h is not of this overlay: remove " in run.stderr
    assert read(checkout, SERVER_BUILD) == MODEL_SERVER


@pytest.fixture
def actions(checkout, tmp_path):
    """What Bazel would run to build a model server, by mnemonic; nothing is compiled."""
    assert run_script(tmp_path).returncode == 0
    write(WORKSPACE, checkout, "WORKSPACE")
    write("", checkout, "tensorflow_serving/BUILD")
    functions = "def if_v2(ops):\n    return ops\n\ndef if_not_v2(ops):\n    return []\n"
    write(functions, checkout, "tensorflow_serving/version.bzl")
    for package, names in EMPTY_TARGETS.items():
        targets = [f'cc_library(name = "{name}", visibility = ["//visibility:public"])\n'
                   for name in names]  # fmt: skip
        write("".join(targets), checkout, "external", package, "BUILD")
        write("", checkout, "external", package.split("/")[0], "WORKSPACE")
    query = "deps(//tensorflow_serving/model_servers:tensorflow_model_server)"
    run = subprocess.run(
        ["bazel", "--batch", f"--output_base={tmp_path}/bazel",
         "aquery", "--output=jsonproto", f'mnemonic("CppCompile|CppLink", {query})'],
        cwd=checkout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # Bazel's folders are not writable, which would keep pytest from removing them.
    subprocess.run(["chmod", "-R", "u+w", f"{tmp_path}/bazel"], check=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["actions"]


def test_bazel_compiles_and_links_all_of_it(actions):
    sources = {path for path in sources_of_overlay()[0] if path.endswith(".cc")}
    compiled, linked = set(), set()
    for action in actions:
        arguments = action["arguments"]
        if action["mnemonic"] == "CppCompile" and PACKAGE in " ".join(arguments):
            source = arguments[arguments.index("-c") + 1]
            compiled.add(os.path.relpath(source, PACKAGE))
            assert f"-I{PACKAGE}" in arguments and "-ffp-contract=off" in arguments
        if "-Wl,-whole-archive" in arguments:  # Of the server, not of a library.
            linked |= {name for name in arguments if f"{PACKAGE}/_objs/" in name}
    assert compiled == sources
    stems = {re.sub(r"(\.pic)?\.o$", "", os.path.basename(name)) for name in linked}
    assert stems == {os.path.basename(path)[:-3] for path in sources}


def test_dockerfile(checkout, tmp_path):
    commands = dockerfile.parse_file(os.path.join(ROOT, "serving", "Dockerfile"))
    version = re.search(r"tensorflow-serving-api==([\d.]+)", read(ROOT, "setup.py"))[1]
    assert commands[0].value == (f"TF_SERVING_VERSION={version}",)
    known = {"ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV"}
    assert {command.cmd.upper() for command in commands} == known
    stages, copied = [], []
    for command in commands:
        source = [flag.split("=")[1] for flag in command.flags if flag.startswith("--from=")]
        if command.cmd.upper() == "FROM":
            stages.append(command.value[-1])
        elif command.cmd.upper() == "COPY" and source:
            assert source[0] in stages[:-1]
        elif command.cmd.upper() == "COPY":
            path, target = command.value
            assert os.path.exists(os.path.join(ROOT, path)) and target == f"/affinity_seg/{path}"
            copied.append(path)
    assert stages[0] == "devel" and stages[-1] == "tensorflow/serving:${TF_SERVING_VERSION}"
    scripts = [command.value[0] for command in commands if command.cmd.upper() == "RUN"]
    assert "python3 /affinity_seg/serving/apply_overlay.py" in scripts[1]
    # The server that is copied is the one that is built.
    target = "//tensorflow_serving/model_servers:tensorflow_model_server"
    assert target in scripts[2] and scripts[2].endswith(" /usr/local/bin/")
    assert commands[-2].value[0] == "/usr/local/bin/tensorflow_model_server"
    # What is copied is enough for the script, with no package but absl.
    for path in copied:
        shutil.copytree(os.path.join(ROOT, path), tmp_path / "image" / path)
    program = (
        "import runpy, sys\n"
        "sys.modules.update(dict.fromkeys(['tensorflow', 'numpy', 'cv2', 'yaml']))\n"
        "sys.argv = ['apply_overlay.py', '--serving_dir=checkout']\n"
        "runpy.run_path('image/serving/apply_overlay.py', run_name='__main__')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "image")},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert LABEL in read(checkout, SERVER_BUILD)
