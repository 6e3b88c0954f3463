"""Imports everything that registers itself with Model Garden: experiments, tasks, backbones."""

from affinity_seg.configs import experiments  # noqa: F401
from affinity_seg.modeling import networks  # noqa: F401
from affinity_seg.tasks import affinity, semantic  # noqa: F401
