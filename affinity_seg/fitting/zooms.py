"""Chooses how far images are zoomed, or whether regions of them are."""

import math

from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.fitting.survey import Survey

OBJECT_SIZE = 40.0
"""Diameter that objects are zoomed to, pixels: small enough for the field of view of a small
network, large enough for an outline in detail."""

MOST_WITHIN = 5.0
"""Ratio of the diameters in one image, 90th to 10th percentile, from which one zoom does not fit
all objects of an image. It is 2 for nuclei and 14 for streets."""

MOST_ALIKE = 1.3
"""Ratio of the images' median diameters up to which all images have the same zoom."""

SCALES = (0.7, 1.45)
"""Least and largest factor of the zoom in training, where it is estimated for each image."""

_LEAST_ZOOM, _MOST_ZOOM = 1.25, 4.0
_LARGEST = 100.0
"""Objects are not zoomed beyond this diameter just to keep the zoom above `_LEAST_ZOOM`, pixels."""

LEAST_WIDTH = 6.0
"""Width that thin objects are zoomed to, pixels: three cells of logits at stride 2."""

_REGION_ZOOM = 2.0


def of(found: Survey) -> Plan:
    """Returns the choices of regions, zoom and scales."""
    within = (
        f"in one image the diameters differ {found.spread_within:.1f}-fold (90th to 10th "
        f"percentile, median of {found.images} images)"
    )
    if found.spread_within >= MOST_WITHIN:
        shown = f"the median object has a diameter of {found.diameter:.0f} pixels"
        return Plan(
            regions=Choice(True, f"Regions with objects are zoomed one by one: {within}."),
            object_size=Choice(None, "Objects are not brought to one size, since they have none."),
            min_zoom=Choice(1.0, "Regions are never made smaller."),
            max_zoom=Choice(_REGION_ZOOM, f"Small regions are zoomed in: {shown}."),
            scales=Choice(
                [1.0, _REGION_ZOOM], "Training shows the objects at all zooms of the regions."
            ),
        )
    size = max(OBJECT_SIZE, math.ceil(LEAST_WIDTH * found.diameter / max(found.width, 1.0)))
    thin = (
        f"; thin objects, {found.width:.0f} pixels wide, need more than {OBJECT_SIZE:g}"
        if size > OBJECT_SIZE
        else ""
    )
    between = f"the median diameters of the images differ {found.spread_between:.1f}-fold"
    if found.spread_between <= MOST_ALIKE:
        zoom = _within(size / found.diameter, found.diameter, found.diameter)
        least = most = (zoom, f"One zoom for all images, since {between} only.")
    else:
        low = _within(size / found.diameter_high, found.diameter_high, found.diameter)
        high = max(low, _within(size / found.diameter_low, found.diameter_low, found.diameter))
        least = (
            low,
            f"For the images with the largest objects, {found.diameter_high:.0f} pixels (95th "
            f"percentile of the images); below {_LEAST_ZOOM:g} outlines lose detail, so it is less "
            f"only where objects would be larger than {_LARGEST:g} pixels.",
        )
        most = (
            high,
            f"For the images with the smallest objects, {found.diameter_low:.0f} pixels (5th "
            f"percentile of the images), {_MOST_ZOOM:g} at most, since time grows with its square.",
        )
    return Plan(
        regions=Choice(False, f"The whole image is segmented at one zoom: {within}."),
        object_size=Choice(
            float(size),
            f"Each image is zoomed until its median object has this diameter: {between}, and the "
            f"median is {found.diameter:.0f} pixels{thin}.",
        ),
        min_zoom=Choice(*least),
        max_zoom=Choice(*most),
        scales=Choice(
            list(SCALES),
            f"Training varies the zoom by these factors: {within}, and a zoom is only estimated.",
        ),
    )


def _within(zoom: float, diameter: float, usual: float) -> float:
    """Returns a zoom within the limits, rounded.

    Args:
      zoom: The zoom wanted.
      diameter: Diameter of the objects that it is for.
      usual: Median diameter.
    """
    least = min(_LEAST_ZOOM, _LARGEST / max(diameter, usual))
    return round(min(max(zoom, least), _MOST_ZOOM), 2)


def usual_zoom(found: Survey, plan: Plan) -> float:
    """Returns the zoom of an image with the median object; the largest if none has its own."""
    size, most = plan.value("object_size"), plan.value("max_zoom")
    return most if size is None else min(max(size / found.diameter, plan.value("min_zoom")), most)


def zoomed_diameter(found: Survey, plan: Plan) -> float:
    """Returns the diameter of the median object after the zoom, pixels."""
    return found.diameter * usual_zoom(found, plan)
