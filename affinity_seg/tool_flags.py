"""Flags that several programs of tools/ have, defined in one place."""

from collections.abc import Sequence

from absl import flags

from affinity_seg.configs import inference
from affinity_seg.data import listing, mistakes, training_sets
from affinity_seg.modeling import loading


def define_input_flag(what: str, former: str, *, multi: bool = False) -> None:
    """Defines --input, what the program reads; required.

    Args:
      what: What it is, for --help.
      former: Name that the flag had before all programs called it --input; it goes on to work.
      multi: Whether it may be given several times; its value is a list then.
    """
    flags.disclaim_key_flags()  # --help of the program lists it.
    define = flags.DEFINE_multi_string if multi else flags.DEFINE_string
    define("input", None, what, required=True)
    flags.DEFINE_alias(former, "input")


def define_data_flags(layouts: Sequence[str] = listing.LAYOUTS) -> None:
    """Defines --input (a data set, required), --layout and --split."""
    flags.disclaim_key_flags()
    define_input_flag("Folder of the data set.", "data_dir")
    flags.DEFINE_enum("layout", "cityscapes", layouts, "How the data set's files lie.")
    flags.DEFINE_string("split", "val", "Part of the data set, for layout cityscapes.")


def define_class_table_flag() -> None:
    """Defines --class_table."""
    flags.disclaim_key_flags()
    flags.DEFINE_string(
        "class_table", "cityscapes", "A table's name, see docs/data.md, or a YAML file."
    )


def define_allow_flag() -> None:
    """Defines the flag that `allowed_mistakes` reads."""
    flags.disclaim_key_flags()
    flags.DEFINE_list(
        "allow",
        [],
        f"What would be refused as a mistake in the data set, but is meant: {mistakes.NAMES}.",
    )


def allowed_mistakes() -> tuple[str, ...]:
    """Returns the mistakes that --allow names.

    Raises:
      ValueError: It names something else.
    """
    mistakes.check_allowed(flags.FLAGS.allow)
    return tuple(flags.FLAGS.allow)


def define_preset_flags(default: str = inference.BEST_PRESET) -> None:
    """Defines --preset and --override, the arguments of `configs.inference.load_config`."""
    flags.disclaim_key_flags()
    flags.DEFINE_string(
        "preset", default, "A preset's name, see docs/inference.md, or a YAML file."
    )
    flags.DEFINE_multi_string("override", [], "field=value, changes one field of the preset.")


def define_training_set_flags() -> None:
    """Defines the flags that `training_set_settings` reads."""
    flags.disclaim_key_flags()
    default = training_sets.Settings()
    flags.DEFINE_integer("seed", default.seed, "Seed of all random choices.", lower_bound=0)
    flags.DEFINE_float("drop_share", default.drop_share, "Share of images that lose empty rows.")
    flags.DEFINE_integer("num_fine_patches", default.num_fine_patches, "Size of fine_patches.")
    flags.DEFINE_integer("num_coarse_patches", default.num_coarse_patches, "Most coarse_patches.")
    flags.DEFINE_integer("small_height", default.small_height, "Lower instances are upsampled, px.")


def training_set_settings() -> training_sets.Settings:
    """Returns how the flags say that images become training sets."""
    names = ("seed", "drop_share", "num_fine_patches", "num_coarse_patches", "small_height")
    return training_sets.Settings(**{name: getattr(flags.FLAGS, name) for name in names})


def define_network_flags(default: str | None = None) -> None:
    """Defines the flags that `network_dirs` reads.

    Args:
      default: Default of --checkpoint.
    """
    flags.disclaim_key_flags()
    flags.DEFINE_string(
        "checkpoint", default, "Folder of both trained networks, `semantic` and `affinity` in it."
    )
    for kind in ("semantic", "affinity"):
        name = f"{kind}_checkpoint"
        flags.DEFINE_string(name, None, f"Folder of the {kind} network, if it lies elsewhere.")
        flags.DEFINE_alias(f"{kind}_dir", name)


def network_dirs() -> tuple[str, str]:
    """Returns the folders of the semantic and of the affinity network.

    Raises:
      FileNotFoundError: --checkpoint holds no such networks.
      ValueError: The flags do not name both.
    """
    given = flags.FLAGS.semantic_checkpoint, flags.FLAGS.affinity_checkpoint
    if None not in given:
        return given
    if flags.FLAGS.checkpoint is None:
        raise ValueError(
            "`--checkpoint`, or both `--semantic_checkpoint` and `--affinity_checkpoint` must be "
            "given"
        )
    semantic, affinity = loading.network_dirs(flags.FLAGS.checkpoint)
    return given[0] or semantic, given[1] or affinity
