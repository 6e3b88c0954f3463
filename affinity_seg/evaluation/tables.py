"""Text tables of what the judges return."""

from typing import Any

_WIDTH = 16


def coco_table(scores: dict[str, Any]) -> str:
    """Returns AP, AP50, AP75 and AP by size, one row per class, then the mean."""
    keys = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    rows = [(name, *(entry[key] for key in keys)) for name, entry in scores["classes"].items()]
    rows.append(("average", *(scores[key] for key in keys)))
    return _table(("COCO", "AP", "AP50", "AP75", "AP small", "AP medium", "AP large"), rows)


def dsb_table(scores: dict[str, Any]) -> str:
    """Returns TP / (TP + FP + FN), one row per IoU threshold, then the mean."""
    rows = [(f"IoU > {key}", value) for key, value in scores["score_per_iou"].items()]
    rows.append(("mean", scores["mean_score"]))
    return _table(("Data Science Bowl", "TP/(TP+FP+FN)"), rows)


def comparison_table(scores: dict[str, Any], baseline: dict[str, Any]) -> str:
    """Returns AP and AP50 of two results of one judge side by side, one row per class."""
    rows = [
        (name, entry["ap"], other["ap"], entry["ap50"], other["ap50"])
        for name, entry, other in [
            *(
                (name, scores["classes"][name], baseline["classes"][name])
                for name in scores["classes"]
            ),
            ("average", scores, baseline),
        ]
    ]
    if "dsb" in scores:
        means = scores["dsb"]["mean_score"], baseline["dsb"]["mean_score"]
        at_half = scores["dsb"]["score_per_iou"]["0.50"], baseline["dsb"]["score_per_iou"]["0.50"]
        rows.append(("DSB mean, IoU 0.5", *means, *at_half))
    return _table(("result | baseline", "AP", "baseline AP", "AP50", "baseline AP50"), rows)


def _table(heads: tuple[str, ...], rows: list[tuple]) -> str:
    """Returns a table whose first column is aligned left, the others right."""
    first = max(len(str(row[0])) for row in [heads, *rows])

    def line(cells: tuple) -> str:
        return f"{cells[0]:<{first}}" + "".join(f"{_cell(cell):>{_WIDTH}}" for cell in cells[1:])

    rule = "-" * (first + _WIDTH * (len(heads) - 1))
    return "\n".join([line(heads), rule, *(line(row) for row in rows)])


def _cell(value: str | float | None) -> str:
    """Returns a number with three decimals, as the official table has them."""
    if value is None:
        return "nan"
    return value if isinstance(value, str) else f"{value:.3f}"
