"""Likely mistakes in a data set: they are errors unless the user allows them."""

from collections.abc import Collection, Sequence

from absl import logging

BINARY_MASKS = "binary_masks"
BLENDED_MASKS = "blended_masks"
SKIPPED_IMAGES = "skipped_images"
NAMES = (BINARY_MASKS, BLENDED_MASKS, SKIPPED_IMAGES)
"""`binary_masks`: one id for many objects. `blended_masks`: ids mixed at the borders of objects.
`skipped_images`: pictures in the folder of images that are not read."""

_SHOWN = 3


def check_allowed(allowed: Collection[str]) -> None:
    """Raises ValueError unless every entry is one of `NAMES`."""
    unknown = sorted(set(allowed) - set(NAMES))
    if unknown:
        raise ValueError(f"`--allow` must name some of {', '.join(NAMES)}: {', '.join(unknown)}")


def refuse(name: str, message: str, allowed: Collection[str]) -> None:
    """Raises ValueError with `message`, or only warns if the mistake `name` is allowed."""
    if name not in allowed:
        raise ValueError(f"{message} (--allow={name} if this is meant)")
    warn(message)


def warn(message: str) -> None:
    """Warns the user of something that looks wrong but may be intended."""
    logging.warning("%s", message)


def counted(count: int, one: str, many: str) -> str:
    """Returns a number with the words for one thing, or for several."""
    return f"{count} {one if count == 1 else many}"


def listed(names: Sequence[str]) -> str:
    """Returns the first of some names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
