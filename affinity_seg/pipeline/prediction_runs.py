"""Writes the prediction records of many images; can be stopped and started again.

While the networks run on an image, other threads read the next image, and write and merge the
record of the last one.
"""

import functools
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from affinity_seg.configs.choices import MERGE_METHODS
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import pictures
from affinity_seg.data.items import Item
from affinity_seg.labels import ClassTable
from affinity_seg.modeling.network import Network
from affinity_seg.modeling.stored_graph import load_network
from affinity_seg.pipeline import merge_runs, records, timeline
from affinity_seg.pipeline.background import Finisher, prefetch
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter
from affinity_seg.pipeline.fingerprint import prediction_fingerprint
from affinity_seg.pipeline.finishing import Finishing
from affinity_seg.pipeline.folders import RecordFolder
from affinity_seg.pipeline.merge_runs import RecordMerger
from affinity_seg.pipeline.predicting import LogitsCache, Predictor
from affinity_seg.pipeline.recording import Recorder
from affinity_seg.pipeline.segmenter import Segmenter
from affinity_seg.rejected_inputs import RejectedInputs

Networks = dict[tuple[str, int | None, str], Network]
"""Networks by kind, output stride and precision."""

MAX_UNFINISHED = 2
"""Largest number of images whose records wait to be written and merged."""


def load_networks(
    config: InferenceConfig,
    semantic_dir: str,
    affinity_dir: str,
    networks: Networks | None = None,
) -> tuple[Network, Network]:
    """Loads both networks, or the one that has both heads.

    Args:
      config: The configuration of inference.
      semantic_dir: Folder of the trained semantic or joint network.
      affinity_dir: Folder of the trained affinity network; `semantic_dir` for a joint one.
      networks: Networks of these folders that were loaded before; newly loaded ones are added.

    Returns:
      The semantic and the affinity network; a joint one twice.

    Raises:
      ValueError: A folder holds a network of the other kind, or `config` wants different strides
        of the two heads of a joint network.
    """
    networks = {} if networks is None else networks
    is_joint = os.path.realpath(semantic_dir) == os.path.realpath(affinity_dir)
    if is_joint and config.semantic_stride != config.affinity_stride:
        raise ValueError(
            "`semantic_stride` must equal `affinity_stride` for one network with both heads, other "
            f"strides need two networks: {config.semantic_stride}, {config.affinity_stride}"
        )
    loaded = []
    for part, folder, stride in (
        ("semantic", semantic_dir, config.semantic_stride),
        ("affinity", affinity_dir, config.affinity_stride),
    ):
        kind = "joint" if is_joint else part
        key = kind, stride, config.precision
        if key not in networks:
            networks[key] = load_network(folder, stride, config.precision)
        network = networks[key]
        if network.kind != kind:
            raise ValueError(
                f"`{part}_dir` must hold the {kind} network: {folder} holds the {network.kind} one"
            )
        loaded.append(network)
    semantic, affinity = loaded
    return semantic, affinity


def load_segmenter(
    config: InferenceConfig,
    semantic_dir: str,
    affinity_dir: str,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> Segmenter:
    """Loads both networks and returns a `Segmenter` with them.

    Raises:
      FileNotFoundError: A network is missing.
      ValueError: A folder holds a network of the other kind, or networks, configuration and filter
        do not fit.
    """
    return Segmenter(*load_networks(config, semantic_dir, affinity_dir), config, instance_filter)


def predict_images(
    items: Iterable[Item],
    config: InferenceConfig,
    semantic_dir: str,
    affinity_dir: str,
    output_dir: str,
    *,
    merger: RecordMerger | None = None,
    times: timeline.Timeline | None = None,
    rejected: RejectedInputs | None = None,
) -> int:
    """Writes the prediction record of every image that has none, or has a damaged one.

    Args:
      items: The images.
      config: The configuration of inference.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.
      output_dir: Folder of the records, made if needed.
      merger: Merges each record while the networks run on the next image.
      times: Collects when the stages were at work.
      rejected: Lists the images that cannot be read or predicted; without it, the first is raised.

    Returns:
      The number of images that were predicted now.

    Raises:
      ValueError: The folder holds predictions of another configuration, network or image, or
        an argument does not fit; nothing has been written then.
    """
    configs = {output_dir: config}
    (made,) = predict_variants(
        items, configs, semantic_dir, affinity_dir, merger=merger, times=times, rejected=rejected
    )
    return made.images


class Made(NamedTuple):
    """Counts and times of a run of predictions.

    Attributes:
      images: How many records it wrote.
      seconds: How long the networks took, without loading them.
    """

    images: int
    seconds: float


def segment_images(
    items: Sequence[Item],
    config: InferenceConfig,
    network_dirs: tuple[str, str],
    predictions_dir: str,
    results_dir: str,
    class_table: ClassTable | None = None,
) -> None:
    """Predicts images, and merges them when all are predicted; what is there already is kept.

    Args:
      items: Images.
      config: The preset.
      network_dirs: Folders of the semantic and of the affinity network.
      predictions_dir: Folder of the records.
      results_dir: Folder of the results.
      class_table: As of `RecordMerger`.

    Raises:
      ValueError: An image cannot be used, or a folder holds something else.
    """
    predict_images(items, config, *network_dirs, predictions_dir)
    merge_runs.merge_records(
        predictions_dir, config, MERGE_METHODS[0], results_dir, class_table=class_table
    )


def predict_variants(
    items: Iterable[Item],
    configs: Mapping[str, InferenceConfig],
    semantic_dir: str,
    affinity_dir: str,
    *,
    merger: RecordMerger | None = None,
    times: timeline.Timeline | None = None,
    rejected: RejectedInputs | None = None,
) -> list[Made]:
    """Does what `predict_images` does for several configurations, image by image.

    Each network runs on a crop only once, for all configurations that need it.

    Args:
      items: The images.
      configs: Configurations by the folder of their records.
      semantic_dir: Folder of the trained semantic network.
      affinity_dir: Folder of the trained affinity network.
      merger: As in `predict_images`; for one configuration only.
      times: As in `predict_images`.
      rejected: As in `predict_images`.

    Returns:
      Counts and times for each configuration, in the order of `configs`.

    Raises:
      ValueError: As `predict_images`.
    """
    items = list(items)
    times = timeline.Timeline() if times is None else times
    rejected = RejectedInputs(strict=True) if rejected is None else rejected
    variants = [
        _Variant(items, config, folder, (semantic_dir, affinity_dir), merger, times, rejected)
        for folder, config in configs.items()
    ]
    missing = [item for item in items if any(item.name in v.missing for v in variants)]
    if missing:
        networks: Networks = {}
        for variant in variants:
            variant.load(networks)
    with Finisher(MAX_UNFINISHED * len(variants)) as finisher:
        read = functools.partial(_read, times)
        progress = tqdm(
            prefetch(read, missing), "predict", len(missing), unit="image", disable=None
        )
        for item, future in progress:
            logits_cache: LogitsCache = {}
            found: list[tuple[_Variant, records.Record]] = []
            with rejected.listed(item.name, item.image_path):
                with times.span(timeline.WAIT_READ, item.name):
                    image, image_hash = future.result()
                found += [
                    (variant, variant.predict(item, image, image_hash, logits_cache))
                    for variant in variants
                    if item.name in variant.missing
                ]
            for variant, record in found:
                with times.span(timeline.WAIT_FINISH, item.name):
                    finisher.wait_for_room()
                finisher.add(functools.partial(variant.finish, record))
    return [variant.made() for variant in variants]


def _read(times: timeline.Timeline, item: Item) -> tuple[np.ndarray, str]:
    """Returns an image and the hash of its file."""
    item.check_names()
    with times.span(timeline.READ, item.name):
        image = pictures.read(item.image_path, turned=item.is_turned, choice=item.choice)
        return image, item.image_sha256()


class _Variant:
    """One configuration and its folder of records."""

    def __init__(
        self,
        items: Iterable[Item],
        config: InferenceConfig,
        folder: str,
        dirs: tuple[str, str],
        merger: RecordMerger | None,
        times: timeline.Timeline,
        rejected: RejectedInputs,
    ):
        """Checks the folder and finds the images without a record."""
        self._config = config
        self._dirs = dirs
        self._times = times
        self._folder = RecordFolder(folder, prediction_fingerprint(config, *dirs))
        self._finishing = Finishing(self._folder, merger)
        self.missing = {item.name for item in items if self._is_missing(item, rejected)}
        self.seconds = 0.0

    def _is_missing(self, item: Item, rejected: RejectedInputs) -> bool:
        """Returns whether an image that can be read has no record."""
        if not os.path.exists(self._folder.path_of(item.name)):
            return True
        with rejected.listed(item.name, item.image_path):
            image_hash = item.image_sha256()
        return item.name not in rejected and self._folder.find(item, image_hash) is None

    def made(self) -> Made:
        """Returns counts and times; call it when all records are finished."""
        return Made(self._folder.count, self.seconds)

    def load(self, networks: Networks) -> None:
        own = load_networks(self._config, *self._dirs, networks)
        predictor = Predictor(Segmenter(*own, self._config), self._times)
        self._recorder = Recorder(predictor, self._folder.fingerprint)

    def predict(
        self, item: Item, image: np.ndarray, image_hash: str, logits_cache: LogitsCache
    ) -> records.Record:
        """Runs the networks on an image."""
        start = time.monotonic()
        with self._times.span(timeline.PREDICT, item.name):
            record = self._recorder.record(item, image, image_hash, logits_cache)
        self.seconds += time.monotonic() - start
        return record

    def finish(self, record: records.Record) -> None:
        """Writes a record, and its result if there is a merger; runs on the finisher's thread."""
        with self._times.span(timeline.FINISH, record.name):
            self._finishing.finish(record)
