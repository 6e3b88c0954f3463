"""Makes the choices of a plan from the measures of a data set.

The numbers are those of two trainings of minutes that were worked out by hand: of nuclei
(configs/experiments/nuclei.yaml, nuclei_joint.yaml) and of streets (demo_joint.yaml). The rules
lead from the measures of these two data sets to these settings.
"""

import math
from typing import Any

from affinity_seg import labels, neighbors
from affinity_seg.fitting import colours, zooms
from affinity_seg.fitting.plan import Choice, Plan
from affinity_seg.fitting.survey import Survey

_CROP = 256
_SOME_PARTS = 0.02
_MANY_CONTACTS = 0.5
_MOST_CLASS_WEIGHT = 2.0


def of_the_data(found: Survey, class_table: labels.ClassTable) -> Plan:
    """Returns the choices that depend on the data only.

    Args:
      found: The measures.
      class_table: The classes.

    Returns:
      All of `values.NAMES` but those of the images (see `sets`), the first weights and the steps.
    """
    plan = zooms.of(found)
    plan |= colours.of(found, is_whole=not plan.value("regions"))
    plan |= _network(found, plan)
    plan |= _losses(found, class_table, plan)
    plan |= _merge(found, plan)
    kind = "grey or in colour" if found.channels == 3 else "of other channels than RGB"
    plan |= Plan(channels=Choice(found.channels, f"The images are {kind}."))
    return plan


def _network(found: Survey, plan: Plan) -> Plan:
    is_whole = not plan.value("regions")
    scale = plan.value("max_zoom") * max(plan.value("scales") if is_whole else [1.0])
    side = min(_CROP, max(64, 32 * math.ceil(found.longest_side * scale / 32)))
    distances, why = list(neighbors.DISTANCES), "objects are of many sizes"
    if is_whole:
        longest = found.length * zooms.zoomed_diameter(found, plan)
        why = f"the longer side of a zoomed object is {longest:.0f} pixels (95th percentile)"
        if found.parts < _SOME_PARTS:
            distances = [
                d for i, d in enumerate(distances) if i < 3 or neighbors.DISTANCES[i - 1] < longest
            ]
    if found.parts >= _SOME_PARTS:
        why += f", and {found.parts:.0%} of the objects consist of parts, which only long ones join"
    size = f"images have {found.height}x{found.width_of_image} pixels (median)"
    return Plan(
        crop_size=Choice(
            side,
            f"Side of the training crops after the zoom: {size}; larger crops take more time.",
        ),
        object_crops=Choice(
            0.8,
            f"This share of the crops lies around an object: objects cover {found.foreground:.0%} "
            "of the pixels.",
        ),
        decoder_stride=Choice(
            2 if is_whole else 4,
            (
                "Logits at every second pixel, since objects are small after the zoom and "
                f"{found.contacts:.0%} of them touch another one."
                if is_whole
                else "Logits at every fourth pixel, since zoomed regions hold large objects too."
            ),
        ),
        aspp_rates=Choice(
            [2] if is_whole else [4],
            "The field of view, in cells of 16 pixels: wider for objects of many sizes.",
        ),
        distances=Choice(distances, f"Pixels between the ends of an affinity: {why}."),
    )


def _losses(found: Survey, class_table: labels.ClassTable, plan: Plan) -> Plan:
    things = dict(zip(class_table.class_names[1:], found.share_of_class[1:], strict=True))
    weights: list[float] = []
    if len(things) > 1:
        shares = sorted(share for share in things.values() if share > 0)
        middle = shares[len(shares) // 2]
        weights = [1.0] + [
            round(min(max(math.sqrt(middle / share), 1.0), _MOST_CLASS_WEIGHT), 1) if share else 1.0
            for share in things.values()
        ]
    shown = ", ".join(f"{name} {share:.1%}" for name, share in things.items())
    touching = f"{found.contacts:.0%} of the objects touch another one"
    rare = found.contacts < _MANY_CONTACTS
    many = plan.value("regions")
    return Plan(
        foreground_share=Choice(
            round(min(max(found.foreground, 0.02), 0.5), 2),
            f"Fresh logits start here: objects cover {found.foreground:.1%} of the pixels.",
        ),
        class_weights=Choice(
            weights,
            (
                f"Rare classes count more, {_MOST_CLASS_WEIGHT:g} times at most; of the pixels: "
                f"{shown}."
                if weights
                else f"One class, which counts as the background does: {shown} of the pixels."
            ),
        ),
        affinity_weight=Choice(
            3.0 if many else 1.0,
            (
                "Affinities count three times, since they learn more slowly than several classes "
                "or sizes do."
                if many
                else "Affinities and classes count alike, since there is one size of objects."
            ),
        ),
        other_instance_pair_weight=Choice(
            4.0 if rare else 2.0,
            f"Pairs of pixels of two objects count more, since they are "
            f"{'rare' if rare else 'few'}: {touching}.",
        ),
    )


def _merge(found: Survey, plan: Plan) -> Plan:
    distances = plan.value("distances")
    is_whole = not plan.value("regions")
    thin = found.width * (plan.value("max_zoom") if is_whole else 1) < zooms.LEAST_WIDTH
    is_staged = (not is_whole or found.parts >= _SOME_PARTS) and len(distances) == sum(
        neighbors.STAGES
    )
    if is_whole:
        diameter = zooms.zoomed_diameter(found, plan)
        least = max(1, round(0.1 * math.pi / 4 * diameter**2))
        why = f"A tenth of the median object's area after the zoom, {diameter:.0f} pixels across"
    else:
        least = max(1, round(0.5 * math.pi / 4 * (found.diameter * plan.value("max_zoom")) ** 2))
        why = "Half of the median object's area at the largest zoom"
    return Plan(
        merge_window=Choice(
            1 if thin and is_whole else 2,
            f"Pixels of a window are merged beforehand: objects are {found.width:.0f} pixels wide "
            "(median).",
        ),
        stages=Choice(
            list(neighbors.STAGES) if is_staged else [len(distances)],
            (
                "Near pixels are merged before far ones, since objects are of many sizes or in "
                "parts."
                if is_staged
                else "All distances at once: several stages join small objects that touch."
            ),
        ),
        thresholds=Choice(
            [0.97, 0.7, 0.5] if is_staged else [0.5],
            "Least affinity of each stage; the last is tuned after the training.",
        ),
        min_pixels=Choice(
            least, f"{why}; smaller instances are dropped. Tuned after the training."
        ),
    )


def of_the_start(name: str, described: dict[str, Any]) -> Plan:
    """Returns the choices that the weights of another model fix.

    Args:
      name: The model.
      described: Values of choices by name, those of the model.
    """
    return Plan(
        {
            key: Choice(value, f"As in {name}, whose weights are the start.")
            for key, value in described.items()
        }
    )
