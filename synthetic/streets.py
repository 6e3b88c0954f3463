"""Writes synthetic streets as a data set in the layout and encoding of Cityscapes."""

import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import tqdm
from cityscapesscripts.helpers.labels import id2label

from affinity_seg import class_tables, files
from synthetic import arguments_file
from synthetic.scene import check_camera, render_street

_CITIES = {"train": ("aldorf", "birkenau", "castell"), "val": ("dornstadt", "eschental")}
_SPLITS = tuple(_CITIES)
_MAX_COUNT = 1_000_000  # the names have six digits
_ARGUMENTS_FILE = "streets.json"
_CHUNK = 4  # images that a process draws at a time
_COARSE_SHARE = 0.015  # of the height: how far coarse outlines stay off the border


class Statistics(NamedTuple):
    """Counts over the instances of a set of images.

    Attributes:
      instances: Number of instances of each class index.
      touching: Instances with an 8-neighbour in another instance of their class.
      in_parts: Instances of more than one 8-connected component.
      small: Instances of 100 to 1024 pixels.
    """

    instances: Counter
    touching: int
    in_parts: int
    small: int

    @property
    def total(self) -> int:
        """Number of instances of all classes."""
        return sum(self.instances.values())

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(*(a + b for a, b in zip(self, other, strict=True)))


def instance_statistics(instance_image: np.ndarray) -> Statistics:
    """Counts the instances of one instance image, uint16 [H, W], Cityscapes encoding."""
    classes, instances = class_tables.CITYSCAPES.decode(instance_image)
    touching = _touching(classes, instances)
    count, parts, small = Counter(), 0, 0
    for value in np.unique(instances[instances > 0]):
        rows, columns = np.nonzero(instances == value)
        count[int(classes[rows[0], columns[0]])] += 1
        small += 100 <= len(rows) <= 1024
        box = instances[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        parts += cv2.connectedComponents((box == value).astype(np.uint8), connectivity=8)[0] > 2
    return Statistics(count, len(touching), parts, small)


def coarse_instances(instance_image: np.ndarray) -> np.ndarray:
    """Returns the coarse annotation of a fine one, uint16 [H, W].

    Like the hand-drawn coarse polygons of Cityscapes, the outlines are simple and stay within
    the objects; what is left between them is unlabelled (0), and so are small things.
    """
    reach = max(1, round(_COARSE_SHARE * instance_image.shape[0]))
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    coarse = np.zeros_like(instance_image)
    for value in np.unique(instance_image):
        x, y, width, height = cv2.boundingRect((instance_image == value).astype(np.uint8))
        # What surrounds the object erodes it, so the box holds that as well.
        box = np.s_[max(y - reach, 0) : y + height + reach, max(x - reach, 0) : x + width + reach]
        mask = (instance_image[box] == value).astype(np.uint8)
        eroded = cv2.erode(mask, element)
        outlines, _ = cv2.findContours(eroded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        shape = np.zeros_like(eroded)
        for outline in outlines:
            if cv2.contourArea(outline) >= reach * reach:
                cv2.fillPoly(shape, [cv2.approxPolyDP(outline, reach / 2, closed=True)], 1)
        coarse[box][(shape & mask) > 0] = value
    return coarse


def write_streets(
    output_dir: str,
    counts: dict[str, int],
    *,
    seed: int,
    height: int,
    width: int,
    zoom: float = 1.0,
) -> Statistics:
    """Writes the images of each split, many of them in parallel processes.

    Image i of a split depends on the seed, the split, i, the size and the zoom only: a second run
    writes the same bytes. `<output_dir>/streets.json` holds the arguments, so that images of others
    never get into the same folder.

    Args:
      output_dir: Folder of the data set.
      counts: Number of images of "train" and "val".
      seed: Seed of all random choices, at least 0.
      height: Of the images, pixels.
      width: Of the images, pixels.
      zoom: Of the camera, see `scene.render_street`.

    Returns:
      The statistics of all fine annotations.

    Raises:
      ValueError: An argument breaks its rule, or `output_dir` holds images of other arguments.
    """
    for split, count in counts.items():
        if split not in _SPLITS or not 0 <= count <= _MAX_COUNT:
            raise ValueError(
                f"`{split}` must be one of {_SPLITS} and in [0, {_MAX_COUNT}]: {count}"
            )
    if not any(counts.values()):
        raise ValueError(f"at least one of {_SPLITS} must be above 0: {counts}")
    if seed < 0:
        raise ValueError(f"`seed` must not be negative: {seed}")
    check_camera(height, width, zoom)
    arguments = {split: counts.get(split, 0) for split in _SPLITS}
    arguments |= {"seed": seed, "height": height, "width": width, "zoom": float(zoom)}
    arguments_file.claim(output_dir, _ARGUMENTS_FILE, arguments, "leftImg8bit")
    tasks = [(split, index) for split in counts for index in range(counts[split])]
    write = functools.partial(_write_street, output_dir, seed, (height, width, zoom))
    total = Statistics(Counter(), 0, 0, 0)
    with _mapping(len(tasks)) as run_all:
        done = run_all(write, *zip(*tasks, strict=True))
        for statistics in tqdm.tqdm(done, total=len(tasks), unit="image", disable=None):
            total = total + statistics
    return total


def describe(statistics: Statistics) -> str:
    """Returns a table of the statistics."""
    names = class_tables.CITYSCAPES.class_names
    lines = [f"{names[k]:12}{statistics.instances[k]:8}" for k in range(1, len(names))]
    lines.append(f"{'instances':12}{statistics.total:8}")
    for text, count in (
        ("touch another of their class", statistics.touching),
        ("are in several parts", statistics.in_parts),
        ("have 100 to 1024 pixels", statistics.small),
    ):
        lines.append(f"{count / max(statistics.total, 1):7.1%} {text}")
    return "\n".join(lines)


def _touching(classes: np.ndarray, instances: np.ndarray) -> set[int]:
    """Returns the instances that touch another one of their class."""
    touching = set()
    for dy, dx in ((0, 1), (1, -1), (1, 0), (1, 1)):
        height, width = instances.shape
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width + min(0, dx)))
        a, b = instances[here], instances[there]
        border = (a > 0) & (b > 0) & (a != b) & (classes[here] == classes[there])
        touching.update(np.unique(a[border]), np.unique(b[border]))
    return touching


@contextlib.contextmanager
def _mapping(count: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Yields a function like `map` that uses as many processes as `count` calls are worth."""
    workers = min(-(-count // _CHUNK), os.cpu_count() or 1)
    if workers == 1:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with_parent
    ) as pool:
        yield functools.partial(pool.map, chunksize=_CHUNK)


def _end_with_parent() -> None:
    """Makes this worker end when its parent is killed, which it would not notice."""

    def wait():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _write_street(
    output_dir: str, seed: int, camera: tuple[int, int, float], split: str, index: int
) -> Statistics:
    """Renders and writes one image with its annotations; `camera` is height, width and zoom."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, _SPLITS.index(split), index])
    height, width, zoom = camera
    scene = render_street(height, width, rng, zoom)
    cities = _CITIES[split]
    city = cities[index % len(cities)]
    name = f"{city}_{index // len(cities):06d}_{19:06d}"
    image = cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR)
    folder = os.path.join(output_dir, "leftImg8bit", split, city)
    _write_png(os.path.join(folder, f"{name}_leftImg8bit.png"), image)
    for annotation, instances in (
        ("gtFine", scene.instance_ids),
        ("gtCoarse", coarse_instances(scene.instance_ids)),
    ):
        label_ids = np.where(instances < 1000, instances, instances // 1000).astype(np.uint8)
        prefix = os.path.join(output_dir, annotation, split, city, f"{name}_{annotation}")
        _write_png(f"{prefix}_instanceIds.png", instances)
        _write_png(f"{prefix}_labelIds.png", label_ids)
        _write_png(f"{prefix}_color.png", _palette()[label_ids])
    return instance_statistics(scene.instance_ids)


@functools.cache
def _palette() -> np.ndarray:
    """Returns the official colour of each label id, BGRA, uint8 [256, 4]."""
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 3] = 255
    for label_id, label in id2label.items():
        if label_id >= 0:
            palette[label_id, :3] = label.color[::-1]
    return palette


def _write_png(path: str, image: np.ndarray) -> None:
    encoded, content = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not encoded:
        raise ValueError(f"{path}: OpenCV cannot encode this image")
    files.write_bytes(path, content.tobytes())
