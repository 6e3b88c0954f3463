"""Looks at the images of a fit, and writes the records of its training."""

import dataclasses
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from affinity_seg import files, labels, structured
from affinity_seg.data import checks, mistakes, replay, sampling, tfrecords
from affinity_seg.data.items import Item
from affinity_seg.data.plane_choice import PlaneChoice
from affinity_seg.fitting import marks as marks_file
from affinity_seg.fitting import sets, starts, survey
from affinity_seg.fitting.plan import Plan
from affinity_seg.modeling import network_folder
from affinity_seg.rejected_inputs import FILE_NAME, RejectedInput, RejectedInputs

SURVEY = "survey.json"
"""The file of the measures, in the output folder."""

TUNING = "tuning"
"""First part of the names of the shards that are tuned on."""

_NUM_SHARDS = 4

_SURELY_MEASURED = 20
"""Images with objects that are measured even if the spread of the images leaves them out."""


class Request(NamedTuple):
    """What the user asks for.

    Attributes:
      input: Folder of the data set, see `sets.list_input`.
      output_dir: Folder of the model.
      layout: One of `layouts.LABELLED_LAYOUTS`.
      class_table: As `class_tables.load_class_table` takes it; None: the classes that the truth
        names, or a single one.
      minutes: All minutes of the fit.
      seed: Seed of the split, the weights and the crops.
      start_from: A model to start from.
      allowed: Some of `mistakes.NAMES`.
      choice: The page and the channels of the images' files.
      leave_out: Whether images that cannot be used are left out; otherwise they end the run.
    """

    input: str
    output_dir: str
    layout: str
    class_table: str | None
    minutes: float
    seed: int
    start_from: str | None
    allowed: Collection[str]
    choice: PlaneChoice
    leave_out: bool


def _to_measure(
    checked: Iterable[checks.CheckedItem], items: Sequence[Item]
) -> Iterator[checks.CheckedItem]:
    """Yields the images that are measured: a spread, and in any case the first with objects."""
    chosen, num_with_objects = {item.name for item in sampling.spread(items, survey.MAX_IMAGES)}, 0
    for one in checked:
        is_one_of_the_first = num_with_objects < _SURELY_MEASURED and any(
            one.instances_of_class.values()
        )
        if one.item.name in chosen or is_one_of_the_first:
            num_with_objects += is_one_of_the_first
            yield one


class Data:
    """The images of a fit.

    Attributes:
      hashes: Their hashes, see `sets.hashes`.
      rejected: Those that cannot be used.
    """

    def __init__(self, request: Request, marks: marks_file.Marks):
        """Lists the images.

        Raises:
          FileNotFoundError: The input has no images, or lacks truth.
          ValueError: Two images have the same name, or pictures would be skipped.
        """
        self._request = request
        self._marks = marks
        self.rejected = RejectedInputs(request.output_dir)
        self._listed = sets.list_input(
            request.input, request.layout, self.rejected, request.allowed, request.choice
        )
        self.hashes = sets.hashes(self._listed)

    def look(self, class_table: labels.ClassTable) -> survey.Survey:
        """Checks all images and measures some of them, unless that was done already.

        Raises:
          ValueError: There is no object, the masks look wrong, or images cannot be used and are
            not to be left out.
        """
        path = os.path.join(self._request.output_dir, SURVEY)
        made_from = marks_file.fingerprint(self.hashes, dataclasses.asdict(class_table))
        if self._marks.is_done("survey", made_from) and os.path.isfile(path):
            self._repeat_rejected()
            return survey.Survey.from_dict(structured.read_json(path))
        self._marks.begin("survey", made_from)
        train, val = self._listed
        objects: dict[str, int] = {}
        checked = self._checked(train, class_table, "", objects)
        found = survey.measure(_to_measure(checked, train), class_table)
        if val:
            for _ in self._checked(val, class_table, sets.VAL, objects):
                pass
        rejected = self.rejected.take()
        if rejected and not self._request.leave_out:
            raise ValueError(self._refusal(rejected))
        files.write_json(path, found.as_dict())
        self._marks.keep(objects=objects, rejected=[list(entry) for entry in rejected])
        self._repeat_rejected()
        self._marks.end("survey")
        print(
            f"{self._request.input}: {len(train)} images to train on, {len(val)} in val, "
            f"{sum(objects.values())} objects"
        )
        return found

    def make_sure_it_was_looked_at(self, class_table: labels.ClassTable) -> None:
        """Checks all images, unless that was done already, by whatever class table."""
        if self._marks.fact("objects") is None:
            self.look(class_table)
        else:
            self._repeat_rejected()

    @property
    def listed(self) -> sets.Images:
        """All images that are listed, those that cannot be used among them."""
        return self._listed

    def usable(self) -> sets.Images:
        """Returns the images that passed the checks of `look`."""
        objects = self._marks.fact("objects")
        return sets.Images(
            [item for item in self._listed.train if item.name in objects],
            [item for item in self._listed.val if sets.VAL + item.name in objects],
        )

    def with_objects(self) -> set[str]:
        """Returns the names of the usable training images with objects."""
        objects = self._marks.fact("objects")
        return {item.name for item in self.usable().train if objects[item.name]}

    def split(self, plan: Plan) -> sets.Split:
        """Returns what each image is used for; errors as in `sets.split`."""
        return sets.split(self.usable(), self.with_objects(), plan)

    def made_from(self, plan: Plan, class_table: labels.ClassTable) -> str:
        """Returns what the records are made from, see `marks.fingerprint`."""
        split = self.split(plan)._asdict().items()
        parts = {part: [item.name for item in items] for part, items in split}
        return marks_file.fingerprint(self.hashes, parts, dataclasses.asdict(class_table))

    def write_records(
        self, plan: Plan, class_table: labels.ClassTable, start: starts.Start | None
    ) -> None:
        """Writes the TFRecords of a plan, unless that was done already.

        Args:
          plan: The plan.
          class_table: Its classes.
          start: The model of `start_from`, some of whose images may be replayed.

        Raises:
          ValueError: An image does not fit the class table, or images are to be replayed that the
            start does not have.
        """
        if plan.value("replayed_share"):
            self._write_replayed(start, class_table)
        made_from = self.made_from(plan, class_table)
        if self._marks.is_done("records", made_from):
            return
        self._marks.begin("records", made_from)
        split = self.split(plan)
        for name, items in ((replay.TRAIN, split.train), (TUNING, split.tuning)):
            tfrecords.write_examples(
                checks.read_items(items, class_table),
                len(items),
                class_table,
                os.path.join(self._request.output_dir, replay.RECORDS),
                name,
                min(_NUM_SHARDS, len(items)),
                mistakes.NAMES,  # `look` has checked the masks of all images together.
            )
        self._marks.end("records")

    def _write_replayed(self, start: starts.Start, class_table: labels.ClassTable) -> None:
        """Copies images of a start that are replayed, unless that was done already."""
        starts.check_replay(start, class_table)
        made_from = marks_file.fingerprint(network_folder.network_identity(start.network_dir))
        if self._marks.is_done("replayed", made_from):
            return
        self._marks.begin("replayed", made_from)
        replay.write(start.folder, self._request.output_dir, replay.REPLAYED, starts.MOST_REPLAYED)
        self._marks.end("replayed")

    def _checked(
        self,
        items: Sequence[Item],
        class_table: labels.ClassTable,
        prefix: str,
        objects: dict[str, int],
    ) -> Iterator[checks.CheckedItem]:
        """Yields the images that can be used, and counts their objects by name."""
        for one in sets.check(
            items, class_table, self.rejected.part(prefix), self._request.allowed
        ):
            objects[prefix + one.item.name] = sum(one.instances_of_class.values())
            yield one

    def _refusal(self, rejected: Sequence[RejectedInput]) -> str:
        """Returns the message about images that cannot be used; all are in a file already."""
        # Images without truth are not listed any more, but only rejected.
        usable = {item.image_path for item in self._listed.everything}
        everything = len(usable | {entry.file for entry in rejected})
        listed = os.path.join(self._request.output_dir, FILE_NAME)
        return (
            f"{self._request.input}: {len(rejected)} of {everything} images cannot be used, see "
            f"{listed}: {mistakes.listed([entry.reason for entry in rejected])}; correct them or "
            "take them out, or give --leave_out to go on without them"
        )

    def _repeat_rejected(self) -> None:
        """Lists the images that could not be used, which are not read again."""
        for entry in self._marks.fact("rejected"):
            self.rejected.add(*entry)
