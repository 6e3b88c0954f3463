"""The options of the search for regions of interest (paper 4.1, 4.3, 4.5)."""

import dataclasses

from affinity_seg import fields


@dataclasses.dataclass(frozen=True)
class RegionOptions:
    """How regions of interest are found.

    Attributes:
      cell_size: Side of the cells that regions are made of, pixels: a cell is foreground if any of
        its pixels is.
      growth: How far a region is grown to every side, pixels.
      partition: Semantic class partition: each super-class has regions of its own. A pixel belongs
        to the super-class of the largest summed probability, a tie to the lower. Without it, a
        pixel is foreground if a class has more than the background.
    """

    cell_size: int = fields.checked(32, low=1, high=65536)
    growth: int = fields.checked(16, low=0, high=65536)
    partition: bool = fields.checked(True)

    def __post_init__(self):
        """Checks the fields.

        Raises:
          TypeError: A field has the wrong type.
          ValueError: A field breaks a rule.
        """
        fields.check(self)
