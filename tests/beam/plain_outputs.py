"""What the plain tools write, to be compared with what pipelines write."""

import os
import shutil
from typing import NamedTuple

from affinity_seg.beam.segmentation import PREDICTIONS, RESULTS, Segmentation
from affinity_seg.configs import inference

NUM_STREETS = 4


def contents(folder):
    """Returns the bytes of every file."""
    return {
        os.path.relpath(os.path.join(parent, name), folder): read(os.path.join(parent, name))
        for parent, _, names in os.walk(folder)
        for name in names
    }


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Wanted(NamedTuple):
    """The streets and what is to be made of them.

    Attributes:
      folder: Has streets/, semantic/, affinity/, preset.yaml, and the right predictions/, results/.
      items: The streets.
    """

    folder: str
    items: list

    @property
    def streets(self):
        return os.path.join(self.folder, "streets")

    def networks_run(self, output_dir, *overrides):
        config = inference.load_config(os.path.join(self.folder, "preset.yaml"), list(overrides))
        dirs = tuple(os.path.join(self.folder, kind) for kind in ("semantic", "affinity"))
        return Segmentation(self.streets, str(output_dir), network_dirs=dirs, config=config)

    def copy_to(self, output_dir):
        """Makes `output_dir` a folder in which everything is done."""
        for name in (PREDICTIONS, RESULTS):
            shutil.copytree(os.path.join(self.folder, name), os.path.join(output_dir, name))

    def assert_equal(self, output_dir):
        """Compares all predictions and results, byte for byte."""
        for name in (PREDICTIONS, RESULTS):
            wanted = contents(os.path.join(self.folder, name))
            assert len(wanted) > NUM_STREETS
            assert contents(os.path.join(output_dir, name)) == wanted
