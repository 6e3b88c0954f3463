"""The scores of presets on images that have prediction records; nothing else is written."""

import concurrent.futures
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from affinity_seg import files, structured
from affinity_seg.analysis import candidates
from affinity_seg.configs import inference
from affinity_seg.configs.inference import InferenceConfig
from affinity_seg.data import truth_files
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics, result_writing
from affinity_seg.pipeline import merge_runs, records
from affinity_seg.pipeline.errors import errors_named
from affinity_seg.pipeline.merging import class_candidates


class PresetScores:
    """Merges the records of all images with a preset and scores the instances, in memory.

    The scores are kept in a JSON file, so that a search that was stopped can be continued.
    """

    def __init__(
        self,
        items: Sequence[Item],
        judge: metrics.Judge,
        start: InferenceConfig,
        record_dirs: Mapping[float, str],
        path: str,
    ):
        """Reads the file, unless other images, networks or settings made it.

        Args:
          items: Images with truth, all of which have a record in each folder.
          judge: The metric.
          start: A preset; the file has what the others change of it.
          record_dirs: Folder of the records by `candidates.zoom_of`. Their names tell what made the
            records.
          path: The file.

        Raises:
          ValueError: The file is damaged.
        """
        self._items = items
        self._judge = judge
        self._start = start
        self._record_dirs = record_dirs
        self._path = path
        self._made_from = {
            "metric": judge.name,
            "start": structured.plain(vars(start)),
            "predictions": {f"{z:g}": os.path.basename(d) for z, d in record_dirs.items()},
            "images": {
                item.name: [item.image_sha256(), truth_files.digest(item)] for item in items
            },
        }
        self._known: dict[InferenceConfig, float] = {}
        if os.path.isfile(path):
            self._read(structured.read_json(path))

    def of(self, configs: Sequence[InferenceConfig]) -> list[float]:
        """Returns the score of each preset, 0..1.

        Raises:
          ValueError: A record is damaged, or no object of the images counts for the metric.
        """
        unknown = [config for config in configs if config not in self._known]
        if unknown:
            matched = self._match(unknown)
            for config, by_image in zip(unknown, matched, strict=True):
                score = self._judge.score(by_image)
                if score is None:
                    raise ValueError(
                        "`input` must have objects that the metric counts: none in "
                        f"{len(self._items)} images"
                    )
                self._known[config] = score
            self.write({})
        return [self._known[config] for config in configs]

    def write(self, more: Mapping[str, Any]) -> None:
        """Writes the file, with other entries `more`."""
        scores = [
            {"changes": changes(config, self._start), "score": score}
            for config, score in self._known.items()
        ]
        files.write_json(self._path, {"made_from": self._made_from, **more, "scores": scores})

    def _read(self, content: Any) -> None:
        """Takes the scores from the file's content."""
        if not isinstance(content, dict) or content.get("made_from") != self._made_from:
            return
        try:
            for entry in content["scores"]:
                config = inference.change(self._start, entry["changes"])
                self._known[config] = float(entry["score"])
        except (LookupError, TypeError) as error:
            raise ValueError(f"{self._path}: damaged, delete it: {error!r}") from error

    def _match(self, configs: Sequence[InferenceConfig]) -> list[dict[str, Any]]:
        """Returns what the metric needs of each image by name, for each preset."""
        found: list[dict[str, Any]] = [{} for _ in configs]
        # The op uses all cores by itself. The threads are for reading and for the metric.
        executor = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        try:
            matched = executor.map(functools.partial(self._match_image, configs), self._items)
            what = f"merge with {len(configs)} presets"
            progress = tqdm(matched, what, len(self._items), unit="image", disable=None)
            for item, of_image in zip(self._items, progress, strict=True):
                for by_image, one in zip(found, of_image, strict=True):
                    by_image[item.name] = one
        finally:
            executor.shutdown(cancel_futures=True)
        return found

    def _match_image(self, configs: Sequence[InferenceConfig], item: Item) -> list[Any]:
        target = self._judge.read_target(item)
        zooms = {candidates.zoom_of(config) for config in configs}
        paths = {zoom: records.record_path(self._record_dirs[zoom], item.name) for zoom in zooms}
        read = {zoom: records.read_record(path) for zoom, path in paths.items()}
        matched = []
        for config in configs:
            with errors_named(paths[candidates.zoom_of(config)]):
                instances = merge_runs.merge_record(read[candidates.zoom_of(config)], config)
            listed = class_candidates(instances, config)
            matched.append(
                self._judge.match(target, result_writing.predictions_of(instances, listed))
            )
        return matched


def changes(config: InferenceConfig, start: InferenceConfig) -> dict[str, Any]:
    """Returns the fields of a preset that differ from those of another, for JSON."""
    before = vars(start)
    return structured.plain(
        {name: value for name, value in vars(config).items() if value != before[name]}
    )
