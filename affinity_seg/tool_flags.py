"""Flags that several programs of tools/ have, defined in one place, without TensorFlow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from affinity_seg import model_folder
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import listing, mistakes
from affinity_seg.data.training_set_settings import Settings

if TYPE_CHECKING:
    from affinity_seg.pipeline.filters import InstanceFilter


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


def define_model_flags(default: str | None = None, *, required: bool = True) -> None:
    """Defines --model, --preset and --override.

    Args:
      default: Default of --model.
      required: Whether the program needs the networks of the model, and not only its preset.
    """
    flags.disclaim_key_flags()
    what = "Folder of the model: networks, and the preset that it is meant to run with."
    flags.DEFINE_string("model", default, what, required=required and default is None)
    flags.DEFINE_string(
        "preset", None, "Another preset: a name, see docs/inference.md, or a YAML file."
    )
    flags.DEFINE_multi_string("override", [], "field=value, changes one field of the preset.")


def model() -> model_folder.ModelFolder:
    """Returns what the folder of --model says.

    Raises:
      FileNotFoundError: It holds no networks.
      ValueError: Its model.yaml is damaged.
    """
    return model_folder.read(flags.FLAGS.model)


def config() -> InferenceConfig:
    """Returns the preset of --model or of --preset, with the changes of --override.

    Raises:
      FileNotFoundError: There is no such preset or model.
      ValueError: A field breaks a rule, or no preset is given.
    """
    if flags.FLAGS.model is not None:
        return model().config(flags.FLAGS.preset, flags.FLAGS.override)
    if flags.FLAGS.preset is None:
        raise ValueError("`--model`, or `--preset` must be given")
    return inference.load_config(flags.FLAGS.preset, flags.FLAGS.override)


def define_training_set_flags() -> None:
    """Defines the flags that `training_set_settings` reads."""
    flags.disclaim_key_flags()
    default = Settings()
    flags.DEFINE_integer("seed", default.seed, "Seed of all random choices.", lower_bound=0)
    flags.DEFINE_float("drop_share", default.drop_share, "Share of images that lose empty rows.")
    flags.DEFINE_integer("num_fine_patches", default.num_fine_patches, "Size of fine_patches.")
    flags.DEFINE_integer("num_coarse_patches", default.num_coarse_patches, "Most coarse_patches.")
    flags.DEFINE_integer("small_height", default.small_height, "Lower instances are upsampled, px.")


def training_set_settings() -> Settings:
    """Returns how the flags say that images become training sets."""
    names = ("seed", "drop_share", "num_fine_patches", "num_coarse_patches", "small_height")
    return Settings(**{name: getattr(flags.FLAGS, name) for name in names})


def define_filter_flags() -> None:
    """Defines --min_score and --classes, which `instance_filter` reads."""
    flags.disclaim_key_flags()
    flags.DEFINE_float("min_score", None, "Keep only instances with at least this score.")
    flags.DEFINE_list("classes", None, "Keep only these classes: names, comma-separated.")


def instance_filter() -> "InstanceFilter":
    """Returns the filter that the flags describe; its classes are in alphabetical order."""
    from affinity_seg.pipeline.filters import InstanceFilter

    classes = flags.FLAGS.classes
    return InstanceFilter(
        min_score=flags.FLAGS.min_score,
        classes=None if classes is None else tuple(sorted(set(classes))),
    )
