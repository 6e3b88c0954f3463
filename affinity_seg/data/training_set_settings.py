"""Settings of the paper's training sets (section 5, algorithm.md 8).

We chose the numbers of `Settings` that the paper does not give.
"""

import dataclasses

from affinity_seg import labels

SETS = ("fine", "coarse", "fine_patches", "coarse_patches")
PAPER_COUNTS = {"fine": 2975, "coarse": 19998, "fine_patches": 14178, "coarse_patches": 1554}
"""Images of each set: of Cityscapes' train and train_extra, and of the paper's patches."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the training sets are made of images.

    Attributes:
      seed: Seed of all random choices.
      drop_share: Share of the images that lose their rows without labelled foreground.
      num_fine_patches: Size of `fine_patches`, as far as there are instances; the paper's 14178.
      small_height: Upsampled crops are cut around instances lower than this, pixels.
      zooms: Factors of the upsampled crops; each instance may give one with each factor.
      patch_size: Side of an upsampled crop after zooming, and least side of a coarse patch, pixels.
      num_coarse_patches: Most patches in `coarse_patches`; the paper's 1554.
      coarse_classes: Names of the classes that coarse patches are cut around.
      coarse_margin: Least distance of such an instance from the border of its patch, pixels.
    """

    seed: int = 1
    drop_share: float = 0.9
    num_fine_patches: int = PAPER_COUNTS["fine_patches"]
    small_height: int = 128
    zooms: tuple[int, ...] = (2, 4)
    patch_size: int = 513
    num_coarse_patches: int = PAPER_COUNTS["coarse_patches"]
    coarse_classes: tuple[str, ...] = ("truck", "train", "bus")
    coarse_margin: int = 32

    def check(self, class_table: labels.ClassTable) -> None:
        """Raises ValueError if a field breaks a rule."""
        if not 0 <= self.drop_share <= 1:
            raise ValueError(f"`drop_share` must be in [0, 1]: {self.drop_share}")
        for name in ("num_fine_patches", "num_coarse_patches", "coarse_margin"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative: {getattr(self, name)}")
        for name in ("small_height", "patch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be positive: {getattr(self, name)}")
        if not self.zooms or min(self.zooms) < 1:
            raise ValueError(f"`zooms` must be positive: {self.zooms}")
        unknown = set(self.coarse_classes) - set(class_table.class_names[1:])
        if unknown:
            raise ValueError(
                f"`coarse_classes` must be classes of {class_table.name!r}, "
                f"{class_table.class_names[1:]}: {sorted(unknown)}"
            )
