"""The choices of a plan about brightness, and about up and down."""

from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.fitting.survey import STRETCH, Survey
from affinity_seg.fitting.upright import LIMIT, MIN_IMAGES, MIN_OBJECTS, SMALL

_DIFFERENT_BRIGHTNESS = 1.5
"""Ratio of the images' ranges of brightness from which it says little about the objects."""

_LEAST_RANGE = 128.0
"""Grey images of a smaller range are stretched even if they are alike."""

_MOST_FLOOR = 10.0


def of(found: Survey, is_whole: bool) -> Plan:
    """Returns the choices of contrast, directions, and changes of brightness.

    Args:
      found: The measures.
      is_whole: Whether images are segmented as a whole, without regions.
    """
    ratio = found.brightness_high / max(found.brightness_low, 1.0)
    kind = "grey" if found.is_grey else "in colour"
    polarity = f"objects are brighter than their background in {found.is_bright:.0%} of the images"
    measured = (
        f"the images are {kind}, the range of brightness is {found.brightness_low:.0f} to "
        f"{found.brightness_high:.0f} of 255 values (5th and 95th percentile of the images), and "
        f"{polarity}"
    )
    is_deep = found.bits > 8
    is_dim = found.is_grey and found.brightness_low < _LEAST_RANGE
    deep = f"; {found.bits} bits have no fixed brightness" if is_deep else ""
    is_stretched = ratio >= _DIFFERENT_BRIGHTNESS or is_dim or is_deep
    floor = round(max(1.0, min(_MOST_FLOOR, 0.8 * found.brightness_least)), 1)
    evidence = found.upright
    if not evidence.is_enough:
        turn = (
            f"Up and down are taken to mean something, since {evidence.objects} objects in "
            f"{evidence.images} images are too few to say otherwise ({MIN_OBJECTS} in {MIN_IMAGES} "
            "would do)."
        )
    elif evidence.differing():
        turn = f"Up and down mean something: {'; '.join(evidence.differing())}."
    else:
        turn = (
            f"Up and down mean nothing: heights ({evidence.height:+.3f}), sizes "
            f"({evidence.size:+.3f}) and directions ({evidence.direction:+.3f}) of "
            f"{evidence.objects} objects, and brightness above and below "
            f"({evidence.brightness:+.3f}), differ by {SMALL:g} or by {LIMIT:g} standard errors at "
            "most."
        )
    is_microscope = is_stretched and found.is_grey and is_whole and found.channels == 3
    return Plan(
        contrast_percentiles=Choice(
            list(STRETCH) if is_stretched else [],
            (
                f"Each image is stretched in contrast: {measured}{deep}."
                if is_stretched
                else f"Brightness is kept as it is: {measured}."
            ),
        ),
        contrast_floor=Choice(
            floor if is_stretched else 1.0,
            f"Images with a range below this stay dark; the least range is "
            f"{found.brightness_least:.0f}.",
        ),
        random_turn=Choice(evidence.is_enough and not evidence.differing(), turn),
        photometric=Choice(
            0.2 if is_stretched else 0.1,
            "Brightness and contrast vary in training, more where the images differ by themselves.",
        ),
        microscope=Choice(
            0.5 if is_microscope else 0.0,
            (
                "Half of the crops get the noise, blur and glow of other microscopes, since the "
                "images are grey and stretched."
                if is_microscope
                else "No crops get noise and glow, which is for grey pictures of microscopes."
            ),
        ),
    )
