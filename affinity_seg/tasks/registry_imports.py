"""Imports all that registers itself with Model Garden: experiments, tasks, backbones, rates."""

from affinity_seg.configs import experiments  # noqa: F401
from affinity_seg.modeling import networks  # noqa: F401
from affinity_seg.tasks import base, learning_rate  # noqa: F401
