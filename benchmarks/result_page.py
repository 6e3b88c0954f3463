"""Writes tables into a Markdown page, each between two markers of its own."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from affinity_seg.evaluation import tables

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
        cells = [[_marked(key, row, rows) for key in keys] for row in rows]
        parts.append(tables.markdown(heads, cells))
    return "\n\n".join([*parts, *lines])


def wins(
    rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], whom: str = "ours"
) -> str:
    """Returns a sentence that says in which columns other rows have a better score.

    Args:
      rows: Rows of the table.
      others: Further rows, which may win.
      whom: What `rows` are called.
    """
    found = []
    for key in _BEST:
        own = max((row[key] for row in rows if row.get(key) is not None), default=None)
        rivals = [row for row in others if row.get(key) is not None]
        best = max(rivals, key=lambda row: row[key], default=None)
        if own is not None and best is not None and round(best[key], 3) > round(own, 3):
            head = f"IoU {_HEADS[key]}" if _HEADS[key].startswith("0.") else _HEADS[key]
            found.append(f"{head}: {best['name']}, {best[key]:.3f} against {own:.3f}")
    if not found:
        return f"Nothing else is better than {whom} in any column of scores."
    return f"Better than {whom}: {'; '.join(found)}."


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
