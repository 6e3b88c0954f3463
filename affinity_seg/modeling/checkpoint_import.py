"""Imports published weights: TF-Slim's and Model Garden's ResNet, the authors' networks.

algorithm.md 9 has the names and structure of the TF1 checkpoints; the paper's section 5 describes
the networks.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

import tensorflow as tf

from affinity_seg import class_tables, files
from affinity_seg.configs import experiments
from affinity_seg.modeling import checkpoint_names, loading, network_folder

_MAX_NAMED = 5
"""Largest number of variables that an error message names; the listing has all."""


@dataclasses.dataclass
class Comparison:
    """Comparison of a checkpoint's variables with a network's; every entry is a line to print.

    Attributes:
      mapped: Variables that fit.
      not_needed: Variables of the checkpoint that are known not to be needed by our networks.
      unknown: All other variables of the checkpoint without a counterpart in the network.
      wrong: Variables of another shape or type than the network's.
      missing: Variables of the network that the checkpoint lacks.
    """

    mapped: list[str] = dataclasses.field(default_factory=list)
    not_needed: list[str] = dataclasses.field(default_factory=list)
    unknown: list[str] = dataclasses.field(default_factory=list)
    wrong: list[str] = dataclasses.field(default_factory=list)
    missing: list[str] = dataclasses.field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns the listing of all variables, one a line, and the counts."""
        fields = [
            (f.name.replace("_", " "), getattr(self, f.name)) for f in dataclasses.fields(self)
        ]
        listed = [f"{title}: {entry}" for title, entries in fields for entry in entries]
        counts = ", ".join(f"{len(entries)} {title}" for title, entries in fields)
        return [*listed, f"variables: {counts}"]

    def check(self, allow_unknown: bool) -> None:
        """Raises ValueError, with the names, unless every variable fits."""
        fields = ["missing", "wrong"] if allow_unknown else ["missing", "wrong", "unknown"]
        problems = [
            f"{len(entries)} {name}: {_first(entries)}"
            for name in fields
            if (entries := getattr(self, name))
        ]
        if problems:
            raise ValueError("; ".join(problems))


def import_backbone(
    checkpoint: str,
    params: experiments.Experiment,
    output_dir: str,
    allow_unknown: bool = False,
) -> Comparison:
    """Writes a published backbone as a checkpoint for `task.init_checkpoint`; prints all variables.

    Args:
      checkpoint: Path of the checkpoint, without the suffixes of its files.
      params: The experiment whose backbone is filled. Our ResNet v1 takes TF-Slim's
        `resnet_v1_101` (TF1), Model Garden's `dilated_resnet` takes Model Garden's (TF2).
      output_dir: New folder for the checkpoint; of `experiments.MODULES` it has only the backbone.
      allow_unknown: Whether the checkpoint may hold variables that nothing is known about.

    Returns:
      What was mapped and what was left.

    Raises:
      FileNotFoundError: There is no such checkpoint.
      FileExistsError: `output_dir` holds something.
      ValueError: The checkpoint is damaged, or its variables are not those of the backbone.
    """
    with files.atomic_folder(output_dir) as folder:
        _require(checkpoint)
        backbone = _network(params).model.backbone
        targets = checkpoint_names.backbone_targets(backbone)
        comparison = _fill(targets, checkpoint, allow_unknown, print)
        loading.save(folder, {"backbone": backbone})
    return comparison


def import_network(
    checkpoint: str,
    params: experiments.Experiment,
    output_dir: str,
    allow_unknown: bool = False,
    log: Callable[[str], None] = print,
) -> Comparison:
    """Writes one of the authors' networks as the folder of a trained network.

    Args:
      checkpoint: Path of the TF1 checkpoint, without the suffixes of its files.
      params: The experiment of the network; `task.name` says which of the two it is.
      output_dir: New folder for params.yaml, class_table.yaml and the checkpoint, as
        `loading.load_network` reads it.
      allow_unknown: Whether the checkpoint may hold variables that nothing is known about.
      log: Gets the listing of all variables, line by line.

    Returns:
      What was mapped and what was left.

    Raises:
      FileNotFoundError: There is no such checkpoint.
      FileExistsError: `output_dir` holds something.
      ValueError: The checkpoint is damaged, or its variables are not those of the network.
    """
    with files.atomic_folder(output_dir) as folder:
        _require(checkpoint)
        network = _network(params)
        targets = checkpoint_names.network_targets(network.model, network.kind)
        comparison = _fill(targets, checkpoint, allow_unknown, log)
        network_folder.claim_model_dir(folder, params, network.class_table)
        loading.save(folder, {"model": network.model, **network.model.checkpoint_items})
    return comparison


def compare(
    found: Mapping[str, tuple[list[int], tf.DType]], targets: Mapping[str, checkpoint_names.Target]
) -> Comparison:
    """Compares a checkpoint with a network.

    Args:
      found: (shape, type) of every variable of the checkpoint, by name.
      targets: Variables of the network, by their names in the checkpoint.
    """
    comparison = Comparison()
    for name, target in targets.items():
        wanted = target.variable.shape.as_list(), target.variable.dtype
        if name not in found:
            comparison.missing.append(f"{name} {_text(*wanted)} -> {target.name}")
        elif found[name] != wanted:
            comparison.wrong.append(
                f"{name} {_text(*found[name])} -> {target.name} {_text(*wanted)}"
            )
        else:
            comparison.mapped.append(f"{name} {_text(*wanted)} -> {target.name}")
    for name in sorted(set(found) - set(targets)):
        entry = f"{name} {_text(*found[name])}"
        what = [text for p, text in checkpoint_names.NOT_NEEDED.items() if re.fullmatch(p, name)]
        if what:
            comparison.not_needed.append(f"{entry} ({what[0]})")
        else:
            comparison.unknown.append(entry)
    return comparison


def _network(params: experiments.Experiment) -> loading.KerasNetwork:
    return loading.KerasNetwork(params.task, class_tables.load_class_table(params.task.class_table))


def _require(checkpoint: str) -> None:
    """Checks that a checkpoint exists in either format of TF1: one file, or .index and .data."""
    if not any(map(tf.io.gfile.exists, (checkpoint, f"{checkpoint}.index"))):
        raise FileNotFoundError(f"the checkpoint does not exist: {checkpoint}")


def _fill(
    targets: Mapping[str, checkpoint_names.Target],
    checkpoint: str,
    allow_unknown: bool,
    log: Callable[[str], None],
) -> Comparison:
    """Lists all variables and, if they fit, reads them into the network."""
    try:
        reader = tf.train.load_checkpoint(checkpoint)
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        if not shapes:
            raise ValueError("no variables; `checkpoint` must end before .index or .data-")
        comparison = compare({name: (shapes[name], types[name]) for name in shapes}, targets)
        for line in comparison.lines():
            log(line)
        comparison.check(allow_unknown)
        for name, target in targets.items():
            target.variable.assign(reader.get_tensor(name))
    # TensorFlow's checkpoint reader raises Python's built-in errors as well.
    except (LookupError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ValueError(f"{checkpoint}: cannot be imported: {error}") from error
    return comparison


def _first(entries: list[str]) -> str:
    more = len(entries) - _MAX_NAMED
    return ", ".join(entries[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _text(shape: list[int], dtype: tf.DType) -> str:
    name = "" if dtype == tf.float32 else f" {dtype.name}"
    return f"{shape}{name}"
