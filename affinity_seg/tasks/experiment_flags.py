"""The flags that name a training experiment, for every program that takes one."""

from typing import TYPE_CHECKING

from absl import flags

from affinity_seg import resources

if TYPE_CHECKING:
    from affinity_seg.configs import experiments


def define() -> None:
    """Defines --experiment (required), --config_file, --params_override and --tpu."""
    flags.disclaim_key_flags()  # --help of the program lists them.
    flags.DEFINE_string(
        "experiment", None, "affinity_seg_semantic or affinity_seg_affinity.", required=True
    )
    flags.DEFINE_multi_string("config_file", None, "YAML overrides of the experiment, in order.")
    flags.DEFINE_string("params_override", "", "More overrides: 'a.b=1,c.d=2', or a YAML file.")
    flags.DEFINE_string("tpu", "", "Address of a TPU, if any.")


def parse() -> "experiments.Experiment":
    """Returns the experiment that the flags name, validated and not locked.

    Raises:
      FileNotFoundError: A file is missing.
      ValueError: There is no such experiment or field, or a field breaks a rule.
    """
    from official.core import train_utils

    from affinity_seg.tasks import registry_imports  # noqa: F401

    flags.FLAGS.config_file = [
        resources.find(name, resources.EXPERIMENTS, ".yaml") or name
        for name in flags.FLAGS.config_file or ()
    ]
    try:
        return train_utils.parse_configuration(flags.FLAGS, lock_return=False, print_return=False)
    except LookupError as error:
        raise ValueError(error.args[0] if len(error.args) == 1 else str(error)) from error
