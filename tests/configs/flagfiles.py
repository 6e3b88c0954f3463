"""The flagfiles of tools/flagfiles, as `affinity_seg train` reads them."""

import pathlib

from official.core import train_utils

from affinity_seg import cli
from affinity_seg.configs import experiments
from affinity_seg.tasks import experiment_flags

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "tools" / "flagfiles"
TRAINING = sorted(path.stem for path in FOLDER.glob("*.flags"))


class _Training:
    """A program with the flags of an experiment only."""

    define_flags = staticmethod(experiment_flags.define)


def read(name: str) -> cli.Flags:
    """Returns the flags of a flagfile; a flag that is none of the configuration's is an error."""
    return cli.parse(_Training, [f"--flagfile={name}"])


def parse(name: str, override: str = ""):
    """Returns the experiment of a flagfile; the current folder must be `ROOT`."""
    values = read(name)
    values.params_override = override
    return train_utils.parse_configuration(values, lock_return=False, print_return=False)


def model_dir(name: str) -> str:
    """Returns the folder of the network that the command at the head of a flagfile writes."""
    head = (FOLDER / f"{name}.flags").read_text().splitlines()[0]
    command, _, model = head.partition(" --model=")
    assert command == f"# affinity_seg train --flagfile={name}"
    values = read(name)
    return f"{model}/{values.network or experiments.KINDS[values.experiment]}"
