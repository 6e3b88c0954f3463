"""Which page and which channels of a picture's file are segmented."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # Flags need this module before anything large is loaded.
    import numpy as np


class PlaneChoice(NamedTuple):
    """The planes of a file that make the picture; numbers begin at 1, as in ImageJ.

    Attributes:
      page: Number of the page: a slice, a time or a position. None: the file must have only one.
      channels: Numbers of the channels: one for a grey picture, three for red, green and blue, or
        as many as the network has. None: the file must be grey or RGB, with or without alpha.
    """

    page: int | None = None
    channels: tuple[int, ...] | None = None

    def check(self) -> None:
        """Raises ValueError unless the numbers can be those of a page and of channels."""
        if self.page is not None and self.page < 1:
            raise ValueError(f"`page` must be at least 1, the first page: {self.page}")
        if self.channels is not None and min(self.channels, default=0) < 1:
            raise ValueError(
                "`channels` must be one number for grey, three for red, green and blue, or as many "
                f"as the network has; the first channel is 1: {list(self.channels)}"
            )

    @property
    def suffix(self) -> str:
        """What follows the name of a picture, so that results of two pages have different names."""
        return "" if self.page is None else f"_page{self.page}"

    def flags(self) -> list[str]:
        """Returns the flags that choose the same."""
        flags = [] if self.page is None else [f"--page={self.page}"]
        if self.channels is not None:
            flags.append(f"--channels={','.join(map(str, self.channels))}")
        return flags

    def digest(self, sha256: str) -> str:
        """Returns a hash of what was chosen of a file, in hexadecimal digits.

        Args:
          sha256: Hash of the file's bytes, which is returned if nothing is chosen.
        """
        if self == ALL:
            return sha256
        return hashlib.sha256(f"{sha256} {tuple(self)}".encode()).hexdigest()

    def take(self, pixels: "np.ndarray") -> "np.ndarray":
        """Returns the chosen channels of pixels [H, W, C], which have all; all if none are chosen.

        Raises:
          ValueError: There is no such channel.
        """
        if self.channels is None:
            return pixels
        count = pixels.shape[2]
        if max(self.channels) > count:
            raise ValueError(
                f"`channels` must be in [1, {count}], the picture's channels: {list(self.channels)}"
            )
        return pixels[..., [number - 1 for number in self.channels]]


ALL = PlaneChoice()
"""No choice: a file with one page and the channels of a picture."""


def choose(page: int | None, channels: int | Sequence[int | str] | None) -> PlaneChoice:
    """Returns the choice that a user makes.

    Args:
      page: As of `PlaneChoice`.
      channels: As of `PlaneChoice`; also a single number, or the texts of numbers.

    Raises:
      ValueError: They are not the numbers of a page and of channels.
    """
    given = [channels] if isinstance(channels, int) else channels
    try:
        numbers = None if given is None else tuple(int(number) for number in given)
    except ValueError as error:
        raise ValueError(f"`channels` must be numbers: {given}") from error
    choice = PlaneChoice(page, numbers)
    choice.check()
    return choice
