"""The folder of a model: its networks, and model.yaml with their preset and scores.

    model.yaml
      networks:         folders of the networks, relative to this one
        semantic: semantic
        affinity: affinity      the same folder as above: one network with both heads
      preset: demo      name of a preset, or a mapping of its fields
      scores: {...}     scores of `affinity_seg evaluate`, by data set; optional

The class table is in the folder of the semantic network. `tfrecords/` may hold images that the
model was trained on, see `data.replay`. Training, import and demo write such folders. Without
model.yaml the networks are `semantic/` and `affinity/`, and the caller must name a preset.

The folders of `resources.MODELS` that hold a description, `CARD`, are the models that ship with the
library. `affinity_seg pack` writes them. They are known by their names.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from affinity_seg import files, resources, structured
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig

FILE = "model.yaml"
CARD = "README.md"
"""The model card: Markdown, whose heading is the description of the model in one line."""

KINDS = ("semantic", "affinity")
_FIELDS = ("networks", "preset", "scores")


class ModelFolder(NamedTuple):
    """Content of a model's folder.

    Attributes:
      path: The folder.
      semantic_dir: Folder of the semantic network.
      affinity_dir: Folder of the affinity network.
      preset: Name of a preset or its fields; None if model.yaml has none.
      scores: Scores by data set.
    """

    path: str
    semantic_dir: str
    affinity_dir: str
    preset: str | dict[str, Any] | None
    scores: dict[str, Any]

    @property
    def network_dirs(self) -> tuple[str, str]:
        """Folders of the semantic and of the affinity network."""
        return self.semantic_dir, self.affinity_dir

    def config(self, preset: str | None = None, overrides: Sequence[str] = ()) -> InferenceConfig:
        """Returns the configuration with which the model runs.

        Args:
          preset: Another preset than the folder's, see `inference.load_config`.
          overrides: Changes, see `inference.load_config`.

        Raises:
          FileNotFoundError: There is no such preset.
          ValueError: A field breaks a rule, or neither the folder nor the caller names a preset.
        """
        path = os.path.join(self.path, FILE)
        chosen = self.preset if preset is None else preset
        if chosen is None:
            raise ValueError(f"`preset` must be given, for {path} names none: None")
        return inference.load_config(chosen, overrides, path)


def shipped() -> dict[str, str]:
    """Returns the folders of the models that ship with the library, by name in order."""
    parent = os.path.join(resources.root(), resources.MODELS)
    found = sorted(os.listdir(parent)) if os.path.isdir(parent) else []
    folders = {name: os.path.join(parent, name) for name in found}
    return {
        name: folder
        for name, folder in folders.items()
        if all(os.path.isfile(os.path.join(folder, needed)) for needed in (FILE, CARD))
    }


def find(name_or_folder: str, argument: str = "model") -> str:
    """Returns the folder of a model that is given by its folder or by the name of a shipped model.

    A folder comes first, unless a shipped model has the same name and the folder holds no model.

    Args:
      name_or_folder: As given.
      argument: What it was given as, for messages.

    Raises:
      FileNotFoundError: There is no such folder and no shipped model of this name.
    """
    known = shipped()
    if os.path.isdir(name_or_folder) and (name_or_folder not in known or _is_model(name_or_folder)):
        return name_or_folder
    if name_or_folder not in known:
        raise FileNotFoundError(
            f"`{argument}` must be a folder that exists, or one of the shipped models "
            f"{list(known)}: "
            f"{name_or_folder}"
        )
    return known[name_or_folder]


def _is_model(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, name)) for name in (FILE, *KINDS))


def read_own(folder: str) -> ModelFolder:
    """Reads a model's folder that is to be changed, so the name of a shipped model is refused.

    Raises:
      FileNotFoundError: There is no such folder, it holds no model though a shipped one has its
        name, or the folder of a network is missing.
      ValueError: model.yaml is damaged.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"`model` must be a folder that exists, since its {FILE} is written: {folder}"
        )
    if find(folder) != folder:
        raise FileNotFoundError(
            f"`model` must be a folder with a model, since its {FILE} is written: {folder}"
        )
    return read(folder)


def heading(card: str, path: str) -> str:
    """Returns the heading of a model card, which describes the model in one line.

    Args:
      card: The card, Markdown.
      path: Its file, for messages.

    Raises:
      ValueError: The first line is not a heading.
    """
    line = card.partition("\n")[0]
    if not line.startswith("# "):
        raise ValueError(f"{path}: the first line must be a heading, `# ...`: {line!r}")
    return line.removeprefix("# ").strip()


def read_card(folder: str) -> str:
    """Returns the card of a model that `affinity_seg pack` wrote.

    Raises:
      ValueError: It is not UTF-8.
      FileNotFoundError: The folder has none.
    """
    return files.read_text(os.path.join(folder, CARD))


def megabytes(folder: str) -> float:
    """Returns the size of all files of a folder, in 10^6 bytes."""
    paths = [os.path.join(f, name) for f, _, found in os.walk(folder) for name in found]
    return sum(map(os.path.getsize, paths)) / 1e6


def read(name_or_folder: str, argument: str = "model") -> ModelFolder:
    """Reads the folder of a model, with the arguments of `find`.

    Raises:
      FileNotFoundError: There is no such model, or the folder of a network is missing.
      ValueError: model.yaml is damaged.
    """
    folder = find(name_or_folder, argument)
    content = _read_file(folder)
    networks = {**dict(zip(KINDS, KINDS, strict=True)), **content.get("networks", {})}
    paths = []
    for kind in KINDS:
        path = os.path.normpath(os.path.join(folder, networks[kind]))
        if not os.path.isdir(path):
            raise FileNotFoundError(
                f"{folder}: a model must hold the networks in folders `semantic` and `affinity`, "
                f"or name them in {FILE}: {path} is missing"
            )
        paths.append(path)
    return ModelFolder(folder, *paths, content.get("preset"), content.get("scores", {}))


def write(
    folder: str,
    *,
    networks: Mapping[str, str] | None = None,
    preset: str | InferenceConfig | None = None,
    scores: Mapping[str, Any] | None = None,
) -> None:
    """Writes model.yaml; entries that are not given are kept, but no scores of another model.

    Args:
      folder: Folder of the model, made if needed.
      networks: Folders of networks by kind, relative to `folder`; the scores that are there, of
        the networks before, are removed.
      preset: Name of a preset, or all of its fields; if it is another one, likewise.
      scores: Scores by data set; those of other data sets stay.

    Raises:
      ValueError: The existing model.yaml is damaged.
    """
    content = _read_file(folder)
    if preset is not None and not isinstance(preset, str):
        preset = structured.plain(dataclasses.asdict(preset))
    # The networks may have other weights than before, though their folders have the same names.
    if networks or (preset is not None and not _same_preset(preset, content.get("preset"))):
        content.pop("scores", None)
    for name, given in (("networks", networks), ("scores", scores)):
        if given:
            content[name] = {**content.get(name, {}), **given}
    if preset is not None:
        content["preset"] = preset
    text = yaml.safe_dump({k: content[k] for k in _FIELDS if k in content}, sort_keys=False)
    files.write_bytes(os.path.join(folder, FILE), text.encode())


def _same_preset(preset: str | dict[str, Any], before: str | dict[str, Any] | None) -> bool:
    """Returns whether two presets, each by name or by its fields, have the same fields."""
    if preset == before or before is None:
        return preset == before
    return inference.load_config(preset) == inference.load_config(before)


def _read_file(folder: str) -> dict[str, Any]:
    """Returns the content of model.yaml, empty if there is no such file."""
    path = os.path.join(folder, FILE)
    if not os.path.isfile(path):
        return {}
    content = structured.read_yaml(path)
    if not isinstance(content, dict) or set(content) - set(_FIELDS):
        raise ValueError(f"{path}: must be a mapping of some of {_FIELDS}: {content!r}")
    networks, preset = content.get("networks", {}), content.get("preset", "")
    if not isinstance(networks, dict) or set(networks) - set(KINDS):
        raise ValueError(f"{path}: `networks` must be a mapping of some of {KINDS}: {networks!r}")
    if not all(isinstance(value, str) for value in networks.values()):
        raise ValueError(f"{path}: `networks` must be names of folders: {networks!r}")
    if not isinstance(preset, str | dict):
        raise ValueError(f"{path}: `preset` must be a name or a mapping of fields: {preset!r}")
    scores = content.get("scores", {})
    if not isinstance(scores, dict) or not all(isinstance(one, dict) for one in scores.values()):
        raise ValueError(f"{path}: `scores` must be a mapping of mappings: {scores!r}")
    return content
