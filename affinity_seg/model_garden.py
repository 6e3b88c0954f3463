"""The parts of Model Garden that networks and their configurations are made of.

Model Garden's packages import everything they hold: `import official.vision.configs.common` also
loads the trainers, all vision tasks and TensorFlow Datasets, which takes seconds and which only
training uses. Here the few modules that a network needs are imported without their packages' own
code. Everything else takes them from here. Training imports its parts of Model Garden as usual:
afterwards the packages load as if nothing had happened, and the modules are the same objects.
"""

import contextlib
import importlib.util
import os
import sys
import types
from collections.abc import Iterator

_PACKAGES = (
    "official.core",
    "official.vision",
    "official.vision.configs",
    "official.vision.modeling",
    "official.vision.modeling.backbones",
    "official.vision.modeling.decoders",
    "official.vision.modeling.heads",
    "official.vision.modeling.layers",
)
"""Packages whose `__init__.py` imports more than the modules below need."""


@contextlib.contextmanager
def _only_named_modules() -> Iterator[None]:
    """Imports in its body find the modules of `_PACKAGES`, but do not run these packages' code.

    Empty packages stand in for those that are not imported yet, and are taken away at the end.
    """
    (root,) = importlib.util.find_spec("official").submodule_search_locations
    added = [name for name in _PACKAGES if name not in sys.modules]
    for name in added:
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(root, *name.split(".")[1:])]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


with _only_named_modules():
    from official.core import config_definitions, exp_factory  # noqa: F401
    from official.vision.configs import backbones as backbone_configs  # noqa: F401
    from official.vision.configs import common as common_configs  # noqa: F401
    from official.vision.modeling import segmentation_model  # noqa: F401
    from official.vision.modeling.backbones import factory as backbone_factory  # noqa: F401
    from official.vision.modeling.backbones import resnet_deeplab  # noqa: F401  registers itself
    from official.vision.modeling.decoders import aspp  # noqa: F401
    from official.vision.modeling.heads import segmentation_heads  # noqa: F401
