"""What a run does with an image outside the networks: look for its outputs, and write them."""

from affinity_seg import files
from affinity_seg.data.listing import Item
from affinity_seg.pipeline.folders import RecordFolder, ResultFolder, Segmented
from affinity_seg.pipeline.merge_runs import RecordMerger
from affinity_seg.pipeline.records import Record

DONE = "done"
"""What `Finishing.find` says of an image whose outputs are all there."""


class Finishing:
    """Brings images from the networks' outputs to their files.

    A run with the two networks writes a record of each image, and a result if it merges. A run with
    an exported model writes results only.
    """

    def __init__(self, recorded: RecordFolder | None, results: RecordMerger | ResultFolder | None):
        """Takes the folders.

        Args:
          recorded: Folder of the records; None with an exported model.
          results: What merges the records, None if nothing does; with an exported model the folder
            of its results.
        """
        self._recorded = recorded
        self._results = results

    def find(self, item: Item, image_sha256: str) -> Record | str | None:
        """Returns `DONE`, the record of an image that is still to be merged, or None.

        Only for runs that write results.

        Args:
          item: The image.
          image_sha256: Hash of its file.

        Raises:
          ValueError: There is a record that something else has made, or of another image.
        """
        record, source = None, image_sha256
        if self._recorded is not None:
            record = self._recorded.find(item, image_sha256)
            if record is None:
                return None
            source = files.sha256(self._recorded.path_of(item.name))
        return DONE if self._results.is_done(item.name, source) else record

    def finish(self, made: Record | Segmented, is_recorded: bool = False) -> None:
        """Writes the record of an image unless it is there, merges it, and writes the result.

        Args:
          made: What the networks say of the image: its record, or the instances that an exported
            model gives.
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
