"""Text tables of the metrics' results, and tables in Markdown."""

from collections.abc import Sequence
from typing import Any

_WIDTH = 16
_NARROW = 12
"""Least width of the columns of tables with a column for each class."""


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


def main_table(scores: dict[str, Any]) -> str:
    """Returns AP and AP50 of any metric, one row per class, then the mean."""
    rows = [(name, entry["ap"], entry["ap50"]) for name, entry in scores["classes"].items()]
    rows.append(("average", scores["ap"], scores["ap50"]))
    return _table((scores["judge"], "AP", "AP50"), rows)


def comparison_table(scores: dict[str, Any], baseline: dict[str, Any]) -> str:
    """Returns AP and AP50 of two results side by side by one metric, one row per class."""
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


def error_tables(errors: dict[str, Any]) -> str:
    """Returns the result of `errors.summary` as two tables: numbers of errors, confusion matrix."""
    counts = [
        ("true instances", errors["num_true"]),
        ("predictions", errors["num_predicted"]),
        ("found", errors["num_found"]),
        *errors["kinds"].items(),
    ]
    rows = [(true, *row.values()) for true, row in errors["votes"].items()]
    heads = ("true class | voted", *next(iter(errors["votes"].values())))
    return _table(("errors", "number"), counts) + "\n\n" + _table(heads, rows, _NARROW)


def semantic_tables(semantic: dict[str, Any]) -> str:
    """Returns the result of `semantic.summary` as two tables: matrix with IoU, confused pairs.

    The matrix has shares of the pixels of each true class. Pairs that are never confused are left
    out.
    """
    rows = [
        (true, *row.values(), semantic["iou"][true]) for true, row in semantic["shares"].items()
    ]
    rows.append(("mean", *[""] * len(rows), semantic["mean_iou"]))
    heads = ("true class | predicted", *semantic["shares"], "IoU")
    pairs = [
        (f"{pair['classes'][0]} - {pair['classes'][1]}", pair["share"])
        for pair in semantic["pairs"]
        if pair["share"]
    ]
    matrix = _table(heads, rows, _NARROW)
    if not pairs:
        return matrix
    return matrix + "\n\n" + _table(("taken for each other", "mean share"), pairs)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score(value: float | None) -> str:
    """Returns a score with three decimals; "n/a" for None, where there is no true instance."""
    return "n/a" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Returns a score in percent with one decimal; "n/a" as in `score`."""
    return "n/a" if value is None else f"{100 * value:.1f}"


def _table(heads: tuple[str, ...], rows: list[tuple], width: int = _WIDTH) -> str:
    """Returns a table whose first column is aligned left, the others right.

    The others are `width` wide, or wider if a head needs it.
    """
    width = max(width, 2 + max(map(len, heads[1:])))
    first = max(len(str(row[0])) for row in [heads, *rows])

    def line(cells: tuple) -> str:
        return f"{cells[0]:<{first}}" + "".join(f"{cell(value):>{width}}" for value in cells[1:])

    rule = "-" * (first + width * (len(heads) - 1))
    return "\n".join([line(heads), rule, *(line(row) for row in rows)])


def cell(value: str | int | float | None) -> str:
    """Returns a fraction with three decimals, as in the official table, or a count without."""
    if value is None:
        return "nan"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
