"""Whole folders of images: predictions and merges that can be stopped and started again."""

import contextlib
import os
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from affinity_seg import files
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data.listing import Item
from affinity_seg.evaluation import results as results_lib
from affinity_seg.inference import fingerprint as fingerprint_lib
from affinity_seg.inference import records
from affinity_seg.inference.filters import KEEP_ALL, InstanceFilter
from affinity_seg.inference.images import read_image
from affinity_seg.inference.instances import Instances
from affinity_seg.inference.merging import GraphMerger, merge_components
from affinity_seg.inference.networks import Predictor
from affinity_seg.modeling.loading import Network, load_network

METHODS = ("graph_merge", "connected_components")


def load_predictor(
    config: InferenceConfig,
    semantic_dir: str,
    affinity_dir: str,
    networks: dict[tuple[str, int | None], Network] | None = None,
):
    """Loads both networks.

    Args:
      config: The configuration of inference.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.
      networks: Networks of these folders that were loaded before, by kind and output stride; what
        is loaded now is added.

    Returns:
      The `Predictor`, and the class table of the semantic network.

    Raises:
      ValueError: A folder holds a network of the other kind, or networks and configuration do
        not fit.
    """
    networks = {} if networks is None else networks
    loaded = []
    for kind, folder, stride in (
        ("semantic", semantic_dir, config.semantic_stride),
        ("affinity", affinity_dir, config.affinity_stride),
    ):
        if (kind, stride) not in networks:
            networks[kind, stride] = load_network(folder, stride)
        network = networks[kind, stride]
        if network.kind != kind:
            raise ValueError(
                f"`{kind}_dir` must hold the {kind} network: {folder} holds the {network.kind} one"
            )
        loaded.append(network)
    return Predictor(*loaded, config), loaded[0].class_table


def predict_images(
    items: Iterable[Item],
    config: InferenceConfig,
    semantic_dir: str,
    affinity_dir: str,
    output_dir: str,
) -> int:
    """Writes the prediction record of every image that has none, or has a damaged one.

    Args:
      items: The images.
      config: The configuration of inference.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.
      output_dir: Folder of the records, made if needed.

    Returns:
      The number of images that were predicted now.

    Raises:
      ValueError: The folder holds predictions of another configuration, network or image, or
        an argument does not fit; nothing has been written then.
    """
    (made,) = predict_variants(items, {output_dir: config}, semantic_dir, affinity_dir)
    return made.images


class Made(NamedTuple):
    """What a run of predictions has made.

    Attributes:
      images: How many records it wrote.
      seconds: How long that took, without loading networks.
    """

    images: int
    seconds: float


def predict_variants(
    items: Iterable[Item],
    configs: Mapping[str, InferenceConfig],
    semantic_dir: str,
    affinity_dir: str,
) -> list[Made]:
    """Does what `predict_images` does for several configurations, image by image.

    A network runs on a crop once, for all configurations that want to know about it.

    Args:
      items: The images.
      configs: Configurations by the folder of their records.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.

    Returns:
      What was made for each configuration, in their order.

    Raises:
      ValueError: As `predict_images`.
    """
    items = list(items)
    variants = [
        _Variant(items, config, folder, semantic_dir, affinity_dir)
        for folder, config in configs.items()
    ]
    missing = [item for item in items if any(item.name in v.missing for v in variants)]
    if missing:
        networks: dict[tuple[str, int | None], Network] = {}
        for variant in variants:
            variant.load(networks)
    for item in tqdm(missing, desc="predict", unit="image", disable=None):
        image = read_image(item.image_path)
        said: dict[Hashable, np.ndarray] = {}
        for variant in variants:
            if item.name in variant.missing:
                variant.predict(item, image, said)
    return [Made(len(variant.missing), variant.seconds) for variant in variants]


class _Variant:
    """One configuration and its folder of records."""

    def __init__(self, items, config, folder, semantic_dir, affinity_dir):
        """Checks the folder and finds the images without a record."""
        self._config = config
        self._folder = folder
        self._dirs = (semantic_dir, affinity_dir)
        self._fingerprint = fingerprint_lib.prediction_fingerprint(config, *self._dirs)
        fingerprint_lib.check_folder(folder, self._fingerprint)
        files.remove_leftovers(folder)
        self.missing = {
            item.name for item in items if not _is_predicted(folder, item, self._fingerprint)
        }
        self.seconds = 0.0
        self._is_claimed = False

    def load(self, networks: dict[tuple[str, int | None], Network]) -> None:
        self._predictor, self._class_table = load_predictor(self._config, *self._dirs, networks)

    def predict(self, item: Item, image: np.ndarray, said: dict[Hashable, np.ndarray]) -> None:
        start = time.monotonic()
        with errors_named(item.image_path):
            prediction = self._predictor.predict(image, said)
        record = records.Record(
            name=item.name,
            filename=item.filename,
            image_sha256=files.sha256(item.image_path),
            fingerprint=self._fingerprint,
            class_table=self._class_table,
            prediction=prediction,
        )
        if not self._is_claimed:
            fingerprint_lib.claim_folder(self._folder, self._fingerprint)
            self._is_claimed = True
        records.write_record(records.record_path(self._folder, item.name), record)
        self.seconds += time.monotonic() - start


def merge_records(
    predictions_dir: str,
    config: InferenceConfig,
    method: str,
    results_dir: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> int:
    """Writes the result of every prediction record that has none, or has changed since.

    Args:
      predictions_dir: Folder that `predict_images` wrote.
      config: The configuration; fields that shape predictions must be those of the records.
      method: One of `METHODS`.
      results_dir: Folder of the results, made if needed.
      instance_filter: Which instances are written.

    Returns:
      The number of images that were merged now.

    Raises:
      FileNotFoundError: There are no records.
      ValueError: Records and configuration do not belong together, the filter does not fit, or
        the folder holds results of another run; the message names the field.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}: {method!r}")
    names = records.list_records(predictions_dir)
    first = records.read_record(records.record_path(predictions_dir, names[0]))
    instance_filter.check(first.class_table)
    predictions = first.fingerprint
    _check_fields(predictions_dir, predictions, config)
    # Only the graph merge depends on the fields of the graph.
    settings = vars(config) if method == METHODS[0] else {"min_pixels": config.min_pixels}
    wanted = fingerprint_lib.as_json(
        {"method": method, **predictions, **settings, **instance_filter._asdict()}
    )
    fingerprint_lib.check_folder(results_dir, wanted)
    results_lib.remove_leftovers(results_dir)
    merge: Callable | None = None
    count = 0
    for name in tqdm(names, desc="merge", unit="image", disable=None):
        path = records.record_path(predictions_dir, name)
        source = files.sha256(path)
        done = results_lib.is_done(results_dir, name)
        if done and results_lib.read_source(results_dir, name) == source:
            continue
        record = records.read_record(path)
        difference = fingerprint_lib.first_difference(record.fingerprint, predictions)
        if difference:
            raise ValueError(f"{path}: belongs to another run than the folder: {difference}")
        merge = merge or _merger(method, config, record)
        with errors_named(path):
            merged = merge(record.prediction)
        instances = instance_filter.select_instances(merged, record.class_table)
        if count == 0:
            fingerprint_lib.claim_folder(results_dir, wanted)
        results_lib.write_result(results_dir, name, instances, record.class_table, source)
        count += 1
    return count


def _merger(
    method: str, config: InferenceConfig, record: records.Record
) -> Callable[..., Instances]:
    """Returns the function from an `ImagePrediction` to `Instances` of a method."""
    if method == METHODS[0]:
        return GraphMerger(config, record.class_table).merge
    return lambda prediction: merge_components(prediction, config.min_pixels)


@contextlib.contextmanager
def errors_named(path: str) -> Iterator[None]:
    """Turns errors about what is in the file `path` into a ValueError that names it."""
    try:
        yield
    except (ValueError, cv2.error, tf.errors.OpError) as error:
        raise ValueError(f"{path}: {error}") from error


def _is_predicted(output_dir: str, item: Item, fingerprint: dict) -> bool:
    """Returns whether there is a record of this run; one of something else is an error."""
    path = records.record_path(output_dir, item.name)
    if not os.path.exists(path):
        return False
    try:
        record = records.read_record(path)
    except records.UnusableRecordError as error:
        logging.warning("%s. The image is predicted again.", error)
        return False
    difference = fingerprint_lib.first_difference(record.fingerprint, fingerprint)
    if difference:
        raise ValueError(f"{path}: belongs to another run: there {difference}")
    check_image(path, record, item.image_path)
    return True


def check_image(record_path: str, record: records.Record, image_path: str) -> None:
    """Raises ValueError unless a record was made from the image file as it is now."""
    if record.image_sha256 != files.sha256(image_path):
        raise ValueError(
            f"{record_path}: the prediction is not of the image {image_path}, whose content "
            "differs. Use the folder of predictions of this data set, or delete the record and "
            "run tools/predict.py again."
        )


def check_result(results_dir: str, name: str, record_path: str) -> None:
    """Raises ValueError if a result says that it was made from another record."""
    if results_lib.read_source(results_dir, name) not in (None, files.sha256(record_path)):
        raise ValueError(
            f"{results_lib.result_path(results_dir, name)}: the result was not made from the "
            f"prediction {record_path}. Run tools/merge.py again."
        )


def _check_fields(folder: str, fingerprint: dict, config: InferenceConfig) -> None:
    """Checks that predictions were made with the fields of `config` that shape them."""
    wanted = fingerprint_lib.as_json(config.prediction_fields())
    found = {name: fingerprint.get(name) for name in wanted}
    difference = fingerprint_lib.first_difference(found, wanted)
    if difference:
        raise ValueError(
            f"{folder}: the predictions do not belong to this preset: there {difference}. "
            "Run tools/predict.py with the preset."
        )
