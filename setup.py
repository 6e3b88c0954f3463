"""Builds the package affinity-seg: the library, its verbs and settings, the Bazel-built op."""

import os
import shutil

from setuptools import Distribution, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

_HERE = os.path.dirname(os.path.abspath(__file__))
_BUILT_OP = os.path.join(_HERE, "bazel-bin", "cc", "graph_merge_op.so")


def _constants(name: str) -> dict:
    """Returns what a module of the package defines that imports nothing of it."""
    scope = {"__file__": os.path.join(_HERE, "affinity_seg", name)}
    with open(scope["__file__"], encoding="utf-8") as file:
        exec(file.read(), scope)
    return scope


class BuildComplete(build_py):
    """Puts the op that Bazel built, the programs and the settings into the wheel.

    An editable install finds them where they are.
    """

    def run(self):
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # Files of an earlier build stay out.
        super().run()
        if not os.path.exists(_BUILT_OP):
            raise FileNotFoundError(
                f"{_BUILT_OP} not found: run `bazel build //cc:graph_merge_op` first"
            )
        target = os.path.join(self.build_lib, "affinity_seg", "ops", "graph_merge_op.so")
        shutil.copyfile(_BUILT_OP, target)
        resources = _constants("resources.py")
        ignored = shutil.ignore_patterns("*.sh", "__pycache__")
        for name in resources["FOLDERS"]:
            share = os.path.join(self.build_lib, "affinity_seg", resources["SHARE"], name)
            shutil.copytree(os.path.join(_HERE, name), share, ignore=ignored, dirs_exist_ok=True)


# What benchmarks/merge.py compares with.
_BENCH = ["bioimage-cpp", "mwatershed"]

# Requests and answers of TensorFlow Serving, and gRPC.
_SERVING = ["tensorflow-serving-api==2.20.0"]

# `affinity_seg serve`. mlserver 1.7.1 asks uvloop for an event loop that newer ones do not make.
_MLSERVER = ["mlserver==1.7.1", "uvloop<0.22"]

# --runner of `affinity_seg segment` and `affinity_seg prepare`.
_BEAM = ["apache-beam==2.77.0"]

# The site of docs/, and the notebook in it.
_DOCS = ["ipykernel", "mkdocs", "nbclient", "nbformat"]


class BinaryDistribution(Distribution):
    """Is installed among packages of one platform: it holds a shared object."""

    def has_ext_modules(self):
        return True


class AnyPythonWheel(bdist_wheel):
    """Tags the wheel with the platform only: TensorFlow loads the op, which calls no Python."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[-1]


setup(
    name="affinity-seg",
    version=_constants("version.py")["__version__"],
    description="Instance segmentation by pixel affinities and graph merge (ECCV 2018)",
    license="Apache-2.0",
    entry_points={"console_scripts": ["affinity_seg = affinity_seg.verbs:start"]},
    packages=find_packages(include=["affinity_seg", "affinity_seg.*"]),
    package_data={"affinity_seg.serving.page": ["static/*"]},
    classifiers=[
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in (10, 11, 12, 13)),
    ],
    python_requires=">=3.10,<3.14",
    install_requires=[
        "tensorflow==2.20.0",
        "tf-models-official==2.20.0",
        "numpy>=1.26,<2.3",
        "opencv-python",
        "cityscapesscripts==2.3.0",
        "absl-py",
        # Formats of other programs, and measurements: `affinity_seg segment --formats`.
        "roifile",
        "scikit-image",
        "tifffile",
        # What tensorflow-metadata asks for on Python 3.10. Without this line, pip tries all of
        # its versions down to the first.
        "protobuf<=6.32; python_version<'3.11'",
        # These come with tensorflow and tf-models-official; they are named because we import them.
        "matplotlib",
        "pillow",
        "psutil",
        "pycocotools",
        "pyyaml",
        "requests",
        "scikit-learn",
        "tqdm",
        "werkzeug",
    ],
    extras_require={
        # dockerfile is Docker's own parser.
        "dev": [
            "dockerfile",
            "pip-audit",
            "pytest",
            "pytest-xdist",
            "ruff",
            *_BEAM,
            *_BENCH,
            *_DOCS,
            *_MLSERVER,
            *_SERVING,
        ],
        "beam": _BEAM,
        "bench": _BENCH,
        "docs": _DOCS,
        "mlserver": _MLSERVER,
        "serving": _SERVING,
    },
    cmdclass={"bdist_wheel": AnyPythonWheel, "build_py": BuildComplete},
    distclass=BinaryDistribution,
    zip_safe=False,
)
