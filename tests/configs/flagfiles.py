"""The flagfiles of tools/flagfiles, read as tools/train.py reads them."""

import pathlib

from absl import flags
from official.core import train_utils

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "tools" / "flagfiles"
TRAINING = sorted(path.stem for path in FOLDER.glob("*.flags"))


def read(name: str) -> flags.FlagValues:
    """Returns the flags of a flagfile; a flag that is none of the configuration's is an error."""
    values = flags.FlagValues()
    for flag in ("experiment", "params_override", "mode", "tpu"):
        flags.DEFINE_string(flag, "", "", flag_values=values)
    flags.DEFINE_multi_string("config_file", [], "", flag_values=values)
    values(["train.py", f"--flagfile={FOLDER / name}.flags"])
    return values


def parse(name: str, override: str = ""):
    """Returns the experiment of a flagfile; the current folder must be `ROOT`."""
    values = read(name)
    values.params_override = override
    return train_utils.parse_configuration(values, lock_return=False, print_return=False)


def model_dir(name: str) -> str:
    """Returns the --model_dir of the command at the head of a flagfile."""
    head = (FOLDER / f"{name}.flags").read_text().splitlines()[0]
    command, _, folder = head.partition(" --model_dir=")
    assert command == f"# python tools/train.py --flagfile=tools/flagfiles/{name}.flags"
    return folder
