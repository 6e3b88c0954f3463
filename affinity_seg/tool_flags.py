"""Flags that several programs have, defined in one place, without TensorFlow."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from affinity_seg import cli, model_folder
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import layouts, listing, mistakes
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice, choose
from affinity_seg.data.training_set_settings import Settings
from affinity_seg.export import formats
from affinity_seg.rejected_inputs import EXIT_STATUS, FILE_NAME

if TYPE_CHECKING:
    from affinity_seg.export.formats.writer import Writer
    from affinity_seg.pipeline.filters import InstanceFilter


def define_output_flag(values: cli.Flags, what: str) -> None:
    """Defines --output_dir, the folder that the program writes; required."""
    values.string("output_dir", None, what, required=True)


def define_data_flags(
    values: cli.Flags, among: Sequence[str] = layouts.LAYOUTS, default: str = "cityscapes"
) -> None:
    """Defines --input (a data set, required), --layout, --split, --page and --channels."""
    values.string("input", None, "Folder of the data set.", required=True)
    values.enum("layout", default, among, "Layout of the data set's files, see docs/data.md.")
    values.string("split", "val", "Part of the data set, for layout cityscapes.")
    define_plane_flags(values)


def define_class_table_flag(values: cli.Flags, default: str | None = "cityscapes") -> None:
    """Defines --class_table; without a default the program chooses one by the truth."""
    what = "A table's name, see docs/data.md, or a YAML file."
    if default is None:
        what += " Default: the classes that the truth names; of instance images cityscapes."
    values.string("class_table", default, what)


def define_strict_flag(values: cli.Flags) -> None:
    """Defines --strict."""
    values.bool(
        "strict",
        False,
        f"Stop at the first input that cannot be used. Without this flag such inputs are listed in "
        f"{FILE_NAME} of the output folder, and the run ends with status {EXIT_STATUS}.",
    )


def define_allow_flag(values: cli.Flags) -> None:
    """Defines the flag that `allowed_mistakes` reads."""
    what = "Mistakes in the data set that are intended: a warning instead of an error. Some of"
    values.list("allow", [], f"{what} {mistakes.NAMES}.")


def allowed_mistakes(values: cli.Flags) -> tuple[str, ...]:
    """Returns the mistakes that --allow names.

    Raises:
      ValueError: --allow names an unknown mistake.
    """
    mistakes.check_allowed(values.allow)
    return tuple(values.allow)


def define_runner_flags(values: cli.Flags) -> None:
    """Defines --runner and the flag that holds Beam's flags, for `beam_flags`."""
    what = "Run on Apache Beam with this runner, such as DirectRunner, see docs/beam.md."
    values.string(cli.RUNNER, None, what)
    what = "A flag for Beam, such as --project=name; with --runner, --project=name works as well."
    values.multi_string(cli.OTHERS, [], what)


def beam_flags(values: cli.Flags) -> list[str]:
    """Returns the flags for Beam."""
    return [f"--runner={values[cli.RUNNER].value}", *values[cli.OTHERS].value]


def define_model_flags(
    values: cli.Flags,
    default: str | None = None,
    *,
    required: bool = True,
    shipped: bool = True,
) -> None:
    """Defines --model, --preset and --override.

    Args:
      values: The flags.
      default: Default of --model.
      required: Whether the program needs the networks of the model, and not only its preset.
      shipped: Whether it may be a model that ships: not if the program writes into its folder.
    """
    what = "Folder of the model: its networks, and model.yaml with its preset."
    if shipped:
        what += (
            " Or the name of one that ships, see `affinity_seg models`; a folder of that name "
            "comes first."
        )
    values.string("model", default, what, required=required and default is None)
    values.string("preset", None, "Another preset: a name, see docs/inference.md, or a YAML file.")
    values.multi_string("override", [], "field=value, changes one field of the preset.")


def model(values: cli.Flags) -> model_folder.ModelFolder:
    """Reads the folder of --model.

    Raises:
      FileNotFoundError: There is no such model, or it has no networks.
      ValueError: Its model.yaml is damaged, or it is an exported model.
    """
    try:
        return model_folder.read(values.model)
    except FileNotFoundError as error:
        from affinity_seg.serving import saved_model  # Late, since it loads TensorFlow.

        if saved_model.find_version(values.model) is not None:
            raise ValueError(
                f"`--model` must be a folder with networks, not an exported model: {values.model}"
            ) from error
        if values["model"].using_default_value:
            raise FileNotFoundError(
                f"`--model` was not given, and its default cannot be used: {error}"
            ) from error
        raise


def config(values: cli.Flags) -> InferenceConfig:
    """Returns the preset of --model or of --preset, with the changes of other flags.

    These are --override and, where they are defined, --min_score and --diameter.

    Raises:
      FileNotFoundError: There is no such preset or model.
      ValueError: A field breaks a rule, or no preset is given.
    """
    if values.model is not None:
        found = model(values).config(values.preset, values.override)
    elif values.preset is not None:
        found = inference.load_config(values.preset, values.override)
    else:
        raise ValueError("`--model` or `--preset` must be given")
    if "min_score" in values and values.min_score is not None:
        found = inference.change(found, {"min_score": values.min_score})
    if "diameter" in values and values.diameter is not None:
        found = inference.at_diameter(found, values.diameter)
    return found


TRAINING_SET_FLAGS = (
    "seed",
    "drop_share",
    "num_fine_patches",
    "num_coarse_patches",
    "small_height",
)
"""What `define_training_set_flags` defines."""


def define_training_set_flags(values: cli.Flags) -> None:
    """Defines the flags that `training_set_settings` reads."""
    default = Settings()
    values.integer("seed", default.seed, "Seed of all random choices.", 0)
    what = "Share of images that lose their rows above and below the labelled foreground."
    values.float("drop_share", default.drop_share, what)
    values.integer("num_fine_patches", default.num_fine_patches, "Number of fine_patches.")
    what = "Largest number of coarse_patches."
    values.integer("num_coarse_patches", default.num_coarse_patches, what)
    what = "Instances of a smaller height are upsampled, pixels."
    values.integer("small_height", default.small_height, what)


def training_set_settings(values: cli.Flags) -> Settings:
    """Returns the settings of the training sets from the flags."""
    return Settings(**{name: getattr(values, name) for name in TRAINING_SET_FLAGS})


def define_filter_flags(values: cli.Flags) -> None:
    """Defines --min_score, a field of the preset, and --classes, which `class_filter` reads."""
    what = "Keep only instances with at least this score; default: what the preset says, if any."
    values.float("min_score", None, what)
    values.list("classes", None, "Keep only these classes: names, comma-separated.")


def class_filter(values: cli.Flags) -> "InstanceFilter":
    """Returns the filter of --classes, which are in alphabetical order in it."""
    from affinity_seg.pipeline.filters import InstanceFilter

    classes = values.classes
    return InstanceFilter(classes=None if classes is None else tuple(sorted(set(classes))))


def define_plane_flags(values: cli.Flags) -> None:
    """Defines --page and --channels, which `plane_choice` reads."""
    what = "Page of a TIFF file with several (slices, times, positions); the first is 1."
    values.integer("page", None, what)
    what = (
        "Channels of a file with others than grey or RGB, comma-separated: one number, three for "
        "red, green and blue, or as many as the network has; the first is 1."
    )
    values.list("channels", None, what)


def plane_choice(values: cli.Flags) -> PlaneChoice:
    """Returns the page and channels that the flags choose.

    Raises:
      ValueError: They are not the numbers of a page and of channels.
    """
    return choose(values.page, values.channels)


def list_labelled_images(values: cli.Flags) -> list[Item]:
    """Returns the labelled images of the data set that the flags of `define_data_flags` name.

    Raises:
      FileNotFoundError: As `listing.list_labelled_images`.
      ValueError: As `listing.list_labelled_images`.
    """
    return listing.list_labelled_images(
        values.input, values.layout, values.split, choice=plane_choice(values)
    )


def define_formats_flags(values: cli.Flags) -> None:
    """Defines --formats and --pixel_size, for `check_formats` and `writer`."""
    what = f"What is written, see docs/outputs.md: names, comma-separated, of {formats.FORMATS}."
    values.list("formats", list(formats.DEFAULT), what)
    what = (
        f"Size of a pixel, micrometres; for {' and '.join(formats.WITH_PIXEL_SIZE)}. Default: what "
        "an OME-TIFF file or one of ImageJ states."
    )
    values.float("pixel_size", None, what)


def check_formats(values: cli.Flags) -> None:
    """Raises ValueError unless --formats names formats and --pixel_size is a size for them."""
    formats.check(values.formats)
    size = values.pixel_size
    if size is None:
        return
    formats.check_pixel_size(size)
    if not formats.with_pixel_size(values.formats):
        raise ValueError(
            f"`--pixel_size` needs `--formats` with one of {formats.WITH_PIXEL_SIZE}: "
            f"{values.formats}"
        )


def writer(values: cli.Flags, items: Sequence[Item]) -> "Writer":
    """Returns what writes --formats into --output_dir.

    Args:
      values: The flags.
      items: The pictures.

    Raises:
      ValueError: The folder cannot be written, or a result would replace a picture.
    """
    from affinity_seg.export.formats.writer import Writer

    for path in values.input:
        if os.path.isdir(values.output_dir) and os.path.samefile(path, values.output_dir):
            raise ValueError(
                "`--output_dir` must be another folder than `--input`, or the results would be "
                f"segmented by the next run: {values.output_dir}"
            )
    found = Writer(values.output_dir, values.formats)
    found.check([item.name for item in items], [item.image_path for item in items])
    return found
