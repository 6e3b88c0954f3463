"""One image of a data set, with the places of its file and of its truth."""

import os
from typing import NamedTuple

from affinity_seg import files, names
from affinity_seg.data import plane_choice, truth_forms
from affinity_seg.data.plane_choice import PlaneChoice


class Item(NamedTuple):
    """One image of a data set.

    Attributes:
      name: Its key, unique in the data set, `names.normalized`; in Cityscapes
        "<city>_<sequence>_<frame>".
      filename: Its file relative to the folder of images, "/" separated.
      image_path: Path of the image.
      truth_path: Path of its truth, which need not exist: of its 16-bit instance image, its
        folder of masks, or a JSON file. None in layout `images`, and if a COCO file lacks it.
      form: The form of its truth, one of `truth_forms.FORMS`.
      choice: Which page and channels of its file are the image.
    """

    name: str
    filename: str
    image_path: str
    truth_path: str | None
    form: str = truth_forms.INSTANCES
    choice: PlaneChoice = plane_choice.ALL

    @property
    def has_truth(self) -> bool:
        """Whether there is truth, which must fit the pixels of the image."""
        is_there = os.path.isdir if self.form == truth_forms.MASKS else os.path.isfile
        return self.truth_path is not None and is_there(self.truth_path)

    @property
    def is_turned(self) -> bool:
        """Whether its EXIF orientation turns it; truth fits the pixels as they are stored."""
        return not self.has_truth

    @property
    def truth_name(self) -> str:
        """The truth for messages: its path and, if that holds several, the image."""
        if self.form == truth_forms.COCO:
            return f"{self.truth_path}: {self.filename}"
        return str(self.truth_path)

    def image_sha256(self) -> str:
        """Returns a hash of the image's file and of what is chosen of it, in hexadecimal digits.

        Raises:
          FileNotFoundError: There is no such file.
        """
        return self.choice.digest(files.sha256(self.image_path))

    def check_names(self) -> None:
        """Checks that the key can be a file name, and that the file's name fits into records.

        Raises:
          ValueError: The file's name is not UTF-8, or the key breaks a rule of `names.check`.
        """
        names.check_utf8(self.filename, self.image_path)
        names.check(self.name, self.image_path)
