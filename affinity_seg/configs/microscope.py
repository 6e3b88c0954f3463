"""Configuration of the changes that make training crops look like those of other microscopes."""

import dataclasses

from official.modeling import hyperparams

from affinity_seg import fields


@dataclasses.dataclass
class Microscope(hyperparams.Config):
    """Random changes of training crops; see `dataloaders/microscope.py`. 0 turns each of them off.

    Values are those of the image after its contrast stretch, 0..255. The strength of each change
    is drawn for each crop by itself, from none up to the given one.

    Attributes:
      share: Share of the crops that are changed; the others stay as they are.
      gamma: Curve of the brightness: the exponent is drawn log-uniformly from
        [1 / (1 + gamma), 1 + gamma].
      background: Largest height of a smooth glow that lifts the dark parts.
      blur: Largest standard deviation of a Gaussian blur, zoomed pixels.
      noise: Largest standard deviation of the noise, at full brightness and in the image's own
        pixels: where the crop is zoomed in, the grain is zoomed with it. A random part of the
        noise is that of photons, whose variance grows with the brightness.
      jpeg: Least quality of a JPEG compression, 1 to 100; the quality is drawn between it and 100.
      empty: Share of all crops that are replaced by noise and glow without any object, labelled
        as background, so that a network learns to find nothing in them.
    """

    share: float = fields.checked(1.0, low=0, high=1)
    gamma: float = fields.checked(0.0, low=0, high=10)
    background: float = fields.checked(0.0, low=0, high=255)
    blur: float = fields.checked(0.0, low=0, high=20)
    noise: float = fields.checked(0.0, low=0, high=255)
    jpeg: int = fields.checked(0, low=0, high=100)
    empty: float = fields.checked(0.0, low=0, high=1)

    @property
    def changes_crops(self) -> bool:
        """Whether any change but `empty` is on."""
        strengths = (self.gamma, self.background, self.blur, self.noise, self.jpeg)
        return self.share > 0 and any(strengths)

    @property
    def is_used(self) -> bool:
        """Whether any change is on."""
        return self.changes_crops or self.empty > 0

    def check(self) -> None:
        """Raises ValueError or TypeError if a field breaks a rule."""
        fields.check(self)
