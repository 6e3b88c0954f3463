"""Writes tables into a Markdown page, each between two markers of its own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_SCORES = {"dsb_0.50": "0.5", "dsb_0.70": "0.7", "dsb_0.90": "0.9", "dsb_mean": "mean"}
_HEADS = {
    "name": "",
    "networks": "network",
    "level": "level",
    **_SCORES,
    "ap": "AP",
    "ap50": "AP50",
    "baseline_ap": "baseline AP",
    "baseline_ap50": "baseline AP50",
    "train_seconds": "training, min",
    "all_seconds": "all, min",
    "seconds": "s per image",
}
_MINUTES = ("train_seconds", "all_seconds")
_BEST = (*_SCORES, "ap", "ap50")
"""Columns whose largest value is bold."""

_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def fill(page: str, texts: Mapping[str, str], path: str) -> str:
    """Returns a page with other texts between its markers.

    A text stands between `<!-- table: name -->` and `<!-- end of table -->`.

    Args:
      page: The page.
      texts: The texts by name.
      path: Its file, for messages.

    Raises:
      ValueError: The page has other markers than there are texts.
    """
    found = [name for _, name, _ in _MARKED.findall(page)]
    if sorted(found) != sorted(texts):
        raise ValueError(f"{path}: the tables must be {sorted(texts)}: {sorted(found)}")
    return _MARKED.sub(lambda m: f"{m[1]}\n{texts[m[2]]}\n\n{m[3]}", page)


def table(rows: Sequence[Mapping[str, Any]], lines: Sequence[str] = ()) -> str:
    """Returns rows as a table in Markdown, the best score of each column bold, and lines below it.

    Args:
      rows: With the same keys.
      lines: Sentences.
    """
    parts = []
    if rows:
        keys = list(rows[0])
        heads = [_HEADS.get(key, key) for key in keys]
        text = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(keys)}"]
        for row in rows:
            cells = [_marked(key, row, rows) for key in keys]
            text.append(f"| {' | '.join(cells)} |")
        parts.append("\n".join(text))
    return "\n\n".join([*parts, *lines])


def won_by_others(rows: Sequence[Mapping[str, Any]], ours: int = 1) -> str:
    """Returns a sentence that says where rows after our own, the first, have a better score.

    Args:
      rows: Rows with the scores of the Data Science Bowl.
      ours: How many rows, from the first, are ours.
    """
    wins = []
    for key, head in _SCORES.items():
        own = max((row[key] for row in rows[:ours] if row[key] is not None), default=None)
        others = [row for row in rows[ours:] if row[key] is not None]
        best = max(others, key=lambda row: row[key], default=None)
        if own is not None and best is not None and round(best[key], 3) > round(own, 3):
            what = "mean" if head == "mean" else f"IoU {head}"
            wins.append(f"{what}: {best['name']}, {best[key]:.3f} against {own:.3f}")
    if not wins:
        return "Nothing else is better than ours in any of these columns."
    return "Better than ours: " + "; ".join(wins) + "."


def _marked(key: str, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns a cell, bold if it is the best of its column."""
    value, text = row[key], cell(key, row[key])
    if value is None or key not in _BEST or len(rows) < 2:
        return text
    best = max(other[key] for other in rows if other[key] is not None)
    return f"**{text}**" if text == cell(key, best) else text


def cell(key: str, value: Any) -> str:
    """Returns the text of a value of a column."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if key in _MINUTES:
        return f"{value / 60:.1f}"
    if key == "seconds":
        return f"{value:.2f}"
    return f"{value:g}" if key == "level" else f"{value:.3f}"
