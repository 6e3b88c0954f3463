"""Reading a folder of results for export, image by image."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tqdm import tqdm

from affinity_seg.data import pictures
from affinity_seg.data.items import Item
from affinity_seg.evaluation import result_reading, results
from affinity_seg.labels import ClassTable
from affinity_seg.pipeline.filters import KEEP_ALL, InstanceFilter


class ImageResult(NamedTuple):
    """The result of one image.

    Attributes:
      item: The image.
      height: Height of the image, pixels.
      width: Width of the image, pixels.
      predictions: Its instances, as large as the image.
    """

    item: Item
    height: int
    width: int
    predictions: list[results.Prediction]


def read_results(
    items: Sequence[Item],
    results_dir: str,
    class_table: ClassTable,
    instance_filter: InstanceFilter,
) -> Iterator[ImageResult]:
    """Yields the checked result of every image, in the order of `items`.

    It reads no ground truth, and of an image only the header, for its size.

    Args:
      items: The images.
      results_dir: Folder of the results.
      class_table: The classes.
      instance_filter: Which instances are kept.

    Raises:
      FileNotFoundError: Images without result (all are listed, before the first is read), a
        missing mask or image.
      ValueError: The filter does not fit, or a result breaks the format.
    """
    instance_filter.check(class_table)
    results.check_all_done(results_dir, [item.name for item in items])
    for item in tqdm(items, desc="export", unit="image", disable=None):
        size = pictures.read_size(item.image_path, turned=item.is_turned, choice=item.choice)
        yield read_image_result(item, size, results_dir, class_table, instance_filter)


def read_image_result(
    item: Item,
    size: tuple[int, int],
    results_dir: str,
    class_table: ClassTable,
    instance_filter: InstanceFilter = KEEP_ALL,
) -> ImageResult:
    """Returns the checked result of one image, see `read_results`.

    Args:
      item: The image.
      size: Its height and width, pixels.
      results_dir: Folder of the results.
      class_table: The classes.
      instance_filter: Which instances are kept.
    """
    found = result_reading.read_result(results_dir, item.name, class_table, size)
    return ImageResult(item, *size, instance_filter.select_predictions(found, class_table))
