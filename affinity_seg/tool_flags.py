"""Flags that several programs of tools/ have, defined in one place."""

from collections.abc import Sequence

from absl import flags

from affinity_seg.configs import inference
from affinity_seg.data import listing


def define_data_flags(layouts: Sequence[str] = listing.LAYOUTS) -> None:
    """Defines --data_dir (required), --layout and --split for the program that calls it."""
    flags.disclaim_key_flags()  # --help of the program lists them.
    flags.DEFINE_string("data_dir", None, "Folder of the data set.", required=True)
    flags.DEFINE_enum("layout", "cityscapes", layouts, "How the data set's files lie.")
    flags.DEFINE_string("split", "val", "Part of the data set, for layout cityscapes.")


def define_class_table_flag() -> None:
    """Defines --class_table."""
    flags.disclaim_key_flags()
    flags.DEFINE_string(
        "class_table", "cityscapes", "A built-in table, or the path of a YAML file."
    )


def define_preset_flags(default: str = inference.BEST_PRESET) -> None:
    """Defines --preset and --override, the arguments of `configs.inference.load_config`."""
    flags.disclaim_key_flags()
    flags.DEFINE_string("preset", default, "YAML file of configs/presets.")
    flags.DEFINE_multi_string("override", [], "field=value, changes one field of the preset.")


def define_network_flags(semantic: str | None = None, affinity: str | None = None) -> None:
    """Defines --semantic_dir and --affinity_dir, required where there is no default."""
    flags.disclaim_key_flags()
    for kind, default in (("semantic", semantic), ("affinity", affinity)):
        flags.DEFINE_string(
            f"{kind}_dir",
            default,
            f"Folder of the trained {kind} network.",
            required=default is None,
        )
