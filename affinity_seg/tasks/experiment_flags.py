"""The flags that name a training experiment: those of the files in tools/flagfiles."""

from typing import TYPE_CHECKING

from affinity_seg import cli, resources

if TYPE_CHECKING:
    from official.core.train_utils import ParseConfigOptions

    from affinity_seg.configs import experiments


def define(values: cli.Flags) -> None:
    """Defines all flags that a flagfile gives, and --params_override and --tpu."""
    what = "affinity_seg_semantic, affinity_seg_affinity or affinity_seg_joint."
    values.string("experiment", None, what, required=True)
    values.multi_string("config_file", None, "YAML overrides of the experiment, in order.")
    values.string("params_override", "", "More overrides: 'a.b=1,c.d=2', or a YAML file.")
    what = "Name of the network's folder in that of the model; default: the kind."
    values.string("network", None, what)
    values.string("preset", None, "Preset for model.yaml of the trained model.")
    modes = ["train", "eval", "train_and_eval"]
    values.enum("mode", "train_and_eval", modes, "Whether it trains, evaluates or both.")
    values.string("tpu", "", "Address of a TPU, if any.")


def parse(values: "cli.Flags | ParseConfigOptions") -> "experiments.Experiment":
    """Returns the experiment that the flags name, validated and not locked.

    Args:
      values: The flags, or Model Garden's `ParseConfigOptions`, which has the same names.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: There is no such experiment or field, or a field breaks a rule.
    """
    from official.core import train_utils

    from affinity_seg.tasks import registry_imports  # noqa: F401

    values.config_file = [
        resources.find(name, resources.EXPERIMENTS, ".yaml") or name
        for name in values.config_file or ()
    ]
    try:
        return train_utils.parse_configuration(values, lock_return=False, print_return=False)
    except LookupError as error:
        raise ValueError(error.args[0] if len(error.args) == 1 else str(error)) from error
