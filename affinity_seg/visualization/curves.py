"""Precision-recall curves."""

from typing import Any

import numpy as np

from affinity_seg.evaluation.coco import CURVES

_TITLES = ("IoU 0.50", "mean over IoU 0.50, 0.55, .. 0.95")
_STYLES = ("-", "--", ":", "-.")
_NUM_COLORS = 10  # of matplotlib's default cycle


def draw_precision_recall(precision_recall: dict[str, Any]) -> np.ndarray:
    """Draws precision-recall curves at IoU 0.50, and for the mean over all IoU thresholds.

    There is a curve for every class and, if there are several classes, for their average.

    Args:
      precision_recall: The entry `precision_recall` of the result of `coco.evaluate`.

    Returns:
      uint8 RGB [H, W, 3].
    """
    # Imported here because they take a second to load.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind, title in zip(panels, CURVES, _TITLES, strict=True):
        for index, (name, precision) in enumerate(precision_recall[kind].items()):
            if name == "average" and index < 2:
                continue
            style = {"linestyle": _STYLES[index // _NUM_COLORS % len(_STYLES)], "linewidth": 1.5}
            if name == "average":
                style = {"color": "black", "linewidth": 2.5}
            label = f"{name} ({np.mean(precision):.3f})"
            axes.plot(precision_recall["recall"], precision, label=label, **style)
        axes.set(title=title, xlabel="recall", xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        if precision_recall[kind]:
            axes.legend(title="class (AP)", fontsize=8, title_fontsize=8)
    panels[0].set_ylabel("precision")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
