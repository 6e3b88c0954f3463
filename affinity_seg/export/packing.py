"""Packs a trained model for shipping: weights for inference only, in half precision, and a card."""

import os
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from affinity_seg import class_tables, files, model_folder, resources, structured
from affinity_seg.data import pictures, replay
from affinity_seg.export import model_card
from affinity_seg.modeling import half_precision, loading, network_folder, stored_graph
from affinity_seg.modeling.network import Network

_PATHS = (
    ("task", "init_checkpoint"),
    ("task", "train_data", "input_path"),
    ("task", "train_data", "replayed_path"),
    ("task", "validation_data", "input_path"),
)
"""Entries of params.yaml that name files of the machine of the training."""


def pack(
    model: str,
    output_dir: str,
    card: str,
    picture: str,
    max_megabytes: float,
    replayed_images: int = 0,
) -> list[model_card.PackedNetwork]:
    """Writes a model as a folder that can ship; the folder appears when it is complete.

    Args:
      model: Folder of the model, whose model.yaml has a preset; or the name of a shipped one.
      output_dir: New or empty folder.
      card: Markdown file: the part of the model card that is written by hand, see
        `model_card.read_text`.
      picture: Picture on which the logits before and after are compared.
      max_megabytes: Largest size of the folder.
      replayed_images: Number of the images it was trained on that it brings along, see `replay`.

    Returns:
      The packed networks: one with both heads, or two.

    Raises:
      FileNotFoundError: A network, the preset or a file is missing.
      FileExistsError: `output_dir` is not empty.
      ValueError: A weight does not fit half precision, `card` has no heading, model.yaml has no
        preset, the model has fewer images than it is to bring along, or the folder is too large.
    """
    text = model_card.read_text(card)
    image = pictures.read(picture)
    described = model_folder.read(model)
    config = described.config()
    if replayed_images:
        num_images = replay.count(described.path)
        if num_images < replayed_images:
            raise ValueError(
                f"`replayed_images` must be at most {num_images}, the images in "
                f"{os.path.join(described.path, replay.RECORDS)}: {replayed_images}"
            )
    sources = [os.path.realpath(folder) for folder in described.network_dirs]
    with files.atomic_folder(output_dir) as folder:
        packed = {source: _pack_network(source, folder, image) for source in dict.fromkeys(sources)}
        names = [packed[source].kind for source in sources]
        is_known = described.preset in resources.names(resources.PRESETS, ".yaml")
        model_folder.write(
            folder,
            networks=dict(zip(model_folder.KINDS, names, strict=True)),
            preset=described.preset if is_known else config,
            scores=described.scores,
        )
        if replayed_images:
            replay.write(described.path, folder, replay.TRAIN, replayed_images)
        content = model_card.complete(text, model_folder.read(folder), list(packed.values()))
        files.write_bytes(os.path.join(folder, model_folder.CARD), content.encode())
        size = model_folder.megabytes(folder)
        if size > max_megabytes:
            raise ValueError(
                f"`model` must take at most {max_megabytes:g} MB when packed: {model} takes "
                f"{size:.2f} MB"
            )
    return list(packed.values())


def _pack_network(source: str, folder: str, image: np.ndarray) -> model_card.PackedNetwork:
    """Writes a network into a folder of its own inside `folder`."""
    network = loading.load_network(source)
    target = os.path.join(folder, network.kind)
    params = _portable_params(
        os.path.join(network_folder.params_dir(source), network_folder.PARAMS_FILE)
    )
    text = yaml.safe_dump(params, sort_keys=False).encode()
    files.write_bytes(os.path.join(target, network_folder.PARAMS_FILE), text)
    table = class_tables.as_yaml(network.class_table)
    files.write_bytes(os.path.join(target, class_tables.TABLE_FILE), table)
    loading.save(target, {"model": network.model, **network.model.checkpoint_items})
    half_precision.shrink(network_folder.latest_checkpoint(target))
    stored_graph.write(network, target)
    before, after = (_logits(one, image) for one in (network, stored_graph.load_network(target)))
    change = np.abs(after - before)
    return model_card.PackedNetwork(
        kind=network.kind,
        params=params,
        num_weights=sum(int(tf.size(variable)) for variable in network.variables),
        largest_logit=float(np.abs(before).max()),
        largest_change=float(change.max()),
        mean_change=float(change.mean()),
    )


def _logits(network: Network, image: np.ndarray) -> np.ndarray:
    """Returns a network's logits of a whole image."""
    contrast = network.stretch_contrast(tf.constant(image))
    return network.logits(network.normalize(contrast[None])).numpy()


def _portable_params(path: str) -> dict[str, Any]:
    """Returns the content of params.yaml without the paths of the machine of the training.

    A class table that does not ship with the library is the file that is packed beside them.
    """
    params = structured.read_yaml(path)
    for *folders, name in _PATHS:
        entries = params
        for entry in folders:
            entries = entries[entry]
        entries[name] = ""
    if params["task"]["class_table"] not in class_tables.names():
        params["task"]["class_table"] = class_tables.TABLE_FILE
    return params
