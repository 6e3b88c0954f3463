"""Finds the outputs that an image has already, and writes those that are missing."""

from affinity_seg import files
from affinity_seg.data.items import Item
from affinity_seg.pipeline.folders import RecordFolder, ResultFolder, Segmented
from affinity_seg.pipeline.merge_runs import RecordMerger
from affinity_seg.pipeline.records import Record

DONE = "done"
"""Returned by `Finishing.find` for an image that has all its outputs."""


class Finishing:
    """Writes the outputs of images: prediction records and results.

    A run with the two networks writes a record for each image, and a result if it merges. A run
    with an exported model writes results only.
    """

    def __init__(self, recorded: RecordFolder | None, results: RecordMerger | ResultFolder | None):
        """Takes the folders.

        Args:
          recorded: Folder of the records; None with an exported model.
          results: Merges the records into the folder of results, None to write records only; with
            an exported model, the folder of its results.
        """
        self._recorded = recorded
        self._results = results

    def find(self, item: Item, image_sha256: str) -> Record | str | None:
        """Returns `DONE`, the record of an image that is still to be merged, or None.

        Call it only if the run writes results.

        Args:
          item: The image.
          image_sha256: Hash of its file.

        Raises:
          ValueError: The image's record was made with other settings or from another image.
        """
        record, source = None, image_sha256
        if self._recorded is not None:
            record = self._recorded.find(item, image_sha256)
            if record is None:
                return None
            source = files.sha256(self._recorded.path_of(item.name))
        return DONE if self._results.is_done(item.name, source) else record

    def finish(self, made: Record | Segmented, is_recorded: bool = False) -> None:
        """Writes the record of an image unless it exists, merges it, and writes the result.

        Args:
          made: The record of the image or, with an exported model, its instances.
          is_recorded: Whether the record is in its folder already.

        Raises:
          ValueError: The filter of the merge does not fit the classes of the record.
        """
        if isinstance(made, Segmented):
            table = made.instances.class_table
            self._results.write(made.name, made.instances, table, made.image_sha256)
            return
        if not is_recorded:
            self._recorded.write(made)
        if self._results is not None:
            path = self._recorded.path_of(made.name)
            self._results.merge(path, made, files.sha256(path))
