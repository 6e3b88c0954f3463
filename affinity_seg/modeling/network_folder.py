"""The files beside the weights in the folder of a network: its configuration and its classes."""

import hashlib
import os
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from affinity_seg import class_tables, files, labels, structured

if TYPE_CHECKING:  # Model Garden is imported where a configuration is read: inference needs none.
    from affinity_seg.configs import experiments

PARAMS_FILE = "params.yaml"

_NETWORK_FIELDS = ("name", "class_table", "model", "distances")
"""Fields of a task that describe the network; the others are of its training."""


def read_class_table(model_dir: str) -> labels.ClassTable:
    """Returns the classes of a network without loading it.

    Raises:
      FileNotFoundError: params.yaml is missing.
      ValueError: It is not of one of the experiments of this package.
    """
    described_in = params_dir(model_dir)
    return class_table_of(described_in, read_task(described_in))


def read_distances(model_dir: str) -> tuple[int, ...]:
    """Returns the distances of an affinity network's channels, pixels, without loading it.

    Raises:
      FileNotFoundError: params.yaml is missing.
      ValueError: It is not of one of the experiments of this package, or of another network.
    """
    task = read_task(params_dir(model_dir))
    if not hasattr(task, "distances"):
        raise ValueError(f"{model_dir}: must be an affinity network: {task.name!r}")
    return tuple(task.distances)


def latest_checkpoint(model_dir: str) -> str:
    """Returns the path of the latest checkpoint in a folder, without suffix.

    Raises:
      FileNotFoundError: The folder has no checkpoint.
    """
    checkpoint = tf.train.latest_checkpoint(model_dir)
    if checkpoint is None:
        raise FileNotFoundError(f"there is no checkpoint of a network in the folder {model_dir}")
    return checkpoint


def params_dir(model_dir: str) -> str:
    """Returns the folder of params.yaml: `model_dir`, or its parent folder for `best`."""
    around = os.path.dirname(os.path.abspath(model_dir))
    if os.path.isfile(os.path.join(model_dir, PARAMS_FILE)):
        return model_dir
    return around if os.path.isfile(os.path.join(around, PARAMS_FILE)) else model_dir


def network_identity(model_dir: str) -> dict[str, str]:
    """Returns name and hash of the latest checkpoint of a trained network.

    The index of a checkpoint holds a checksum of every tensor, so together with the
    network's parameters it identifies the network wherever its folder lies.

    Raises:
      FileNotFoundError: There is no checkpoint.
    """
    checkpoint = latest_checkpoint(model_dir)
    parameters = os.path.join(params_dir(model_dir), PARAMS_FILE)
    digest = hashlib.sha256()
    for path in (checkpoint + ".index", parameters):
        with open(path, "rb") as file:
            digest.update(file.read())
    return {"checkpoint": os.path.basename(checkpoint), "sha256": digest.hexdigest()}


def claim_model_dir(
    model_dir: str, params: "experiments.Experiment", class_table: labels.ClassTable
) -> None:
    """Writes params.yaml and class_table.yaml, which the folder needs beside its checkpoints.

    Raises:
      ValueError: The folder holds checkpoints of another network.
    """
    from official.modeling import hyperparams

    check_same_network(model_dir, params.task, class_table)
    with files.atomic_path(os.path.join(model_dir, PARAMS_FILE)) as path:
        hyperparams.save_params_dict_to_yaml(params, path)
    files.write_bytes(
        os.path.join(model_dir, class_tables.TABLE_FILE), class_tables.as_yaml(class_table)
    )


def check_same_network(
    model_dir: str, task: "experiments.SegmentationTask", class_table: labels.ClassTable
) -> None:
    """Raises ValueError if checkpoints in a folder are not of the network of `task`."""
    if tf.train.latest_checkpoint(model_dir) is None:
        return
    found = read_task(model_dir)
    pairs = [("class table", class_table_of(model_dir, found), class_table)]
    for name in ("name", "model", "distances"):
        pairs.append((f"task.{name}", _field(found, name), _field(task, name)))
    for name, there, here in pairs:
        if there != here:
            raise ValueError(
                f"`model_dir` {model_dir} holds checkpoints of another network, use another "
                f"folder: `{name}` is {there} there and {here} here"
            )


def _field(task: "experiments.SegmentationTask", name: str) -> Any:
    return task.as_dict().get(name)


def class_table_of(model_dir: str, task: "experiments.SegmentationTask") -> labels.ClassTable:
    """Returns the classes of a network in a folder, whose task is `task`."""
    path = os.path.join(model_dir, class_tables.TABLE_FILE)
    return class_tables.load_class_table(path if os.path.isfile(path) else task.class_table)


def read_task(model_dir: str) -> "experiments.SegmentationTask":
    """Reads the network's part of the task's configuration from params.yaml.

    Data and losses keep their defaults: a network is loaded however the fields of training have
    changed since.
    """
    from affinity_seg.configs import experiments
    from affinity_seg.model_garden import exp_factory

    path = os.path.join(model_dir, PARAMS_FILE)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} is missing; `affinity_seg train` writes it")
    try:
        params = structured.read_yaml(path)
        task = params["task"]
        name = task["name"]
        if name not in experiments.KINDS:
            raise ValueError(f"`task.name` must be one of {sorted(experiments.KINDS)}: {name!r}")
        network = {field: task[field] for field in _NETWORK_FIELDS if field in task}
        experiment = exp_factory.get_exp_config(name)
        experiment.override({"task": network}, is_strict=True)
    except (TypeError, LookupError, ValueError) as error:
        raise ValueError(
            f"{path}: not a configuration that `affinity_seg train` wrote: {error}"
        ) from error
    return experiment.task
