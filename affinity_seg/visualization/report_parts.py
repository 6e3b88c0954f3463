"""Tables and pictures in HTML. All text is escaped by this module."""

import base64
import html
from collections.abc import Sequence

from affinity_seg.evaluation.tables import cell

STYLE = """
body { margin: 0 auto; max-width: 1240px; padding: 0 16px 48px; color: #1d2329;
  font: 15px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 26px; margin: 28px 0 4px; }
h2 { font-size: 20px; margin: 40px 0 8px; padding-top: 12px; border-top: 2px solid #d4dae0; }
h3 { font-size: 16px; margin: 24px 0 6px; }
p { margin: 6px 0; max-width: 900px; }
nav a { margin-right: 18px; }
a { color: #1559a8; }
.tables { display: flex; flex-wrap: wrap; gap: 8px 40px; align-items: flex-start; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 4px 0 10px; font-size: 14px;
  font-variant-numeric: tabular-nums; }
.caption { margin: 12px 0 0; max-width: none; font-size: 14px; color: #56616c; }
th, td { padding: 3px 10px; text-align: right; border-bottom: 1px solid #e4e8ec;
  overflow-wrap: normal; }
thead th { border-bottom: 2px solid #9aa5b0; vertical-align: bottom; }
th:first-child, .kinds :nth-child(2), .errors :nth-child(2), .errors :nth-child(3) {
  text-align: left; }
tbody th { font-weight: normal; }
tr.total > * { font-weight: 600; border-top: 2px solid #9aa5b0; }
.settings { columns: 2; column-gap: 40px; max-width: 1000px; margin: 10px 0; }
.settings div { break-inside: avoid; display: flex; gap: 12px; justify-content: space-between;
  border-bottom: 1px solid #e4e8ec; font-size: 14px; }
.settings dt { overflow-wrap: normal; }
.settings dd { margin: 0; text-align: right; color: #1d2329; font-variant-numeric: tabular-nums; }
.key i { display: inline-block; width: 14px; height: 14px; margin: 0 5px 0 14px;
  vertical-align: -2px; border: 1px solid #9aa5b0; }
figure { margin: 0; }
figure img { display: block; max-width: 100%; border-radius: 3px; }
figcaption { font-size: 13px; color: #56616c; }
.panels { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 8px; }
.panels img { width: 100%; }
.crops { display: flex; flex-wrap: wrap; gap: 14px; }
.crops figure { flex: none; max-width: 400px; }
.crops figcaption { max-width: 100%; width: 0; min-width: 100%; }
article { margin: 22px 0; padding-top: 6px; border-top: 1px solid #d4dae0; }
article h3 { margin: 8px 0 2px; }
summary { cursor: pointer; color: #1559a8; font-size: 14px; }
.zoom input { position: absolute; opacity: 0; }
.zoom img { cursor: zoom-in; }
.zoom input:focus-visible + img { outline: 3px solid #1559a8; }
.zoom input:checked + img { position: fixed; inset: 0; z-index: 9; width: 100vw; height: 100vh;
  max-width: none; object-fit: contain; background: #11151aee; cursor: zoom-out; border-radius: 0; }
"""
"""The page's style sheet."""


def text(value: object) -> str:
    """Returns a value as text that is safe anywhere in HTML."""
    return html.escape(str(value))


def table(
    name: str,
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str | float | None]],
    *,
    shades: Sequence[Sequence[float | None]] | None = None,
    has_total: bool = False,
    kind: str = "numbers",
) -> str:
    """Returns a table; the first column has the names of the rows.

    Args:
      name: Its id on the page.
      caption: What it shows, with units.
      heads: Heads of the columns.
      rows: Cells; numbers are written as `tables.cell` does.
      shades: How dark the cells after the first are, 0..1.
      has_total: Whether the last row is the total.
      kind: Class for the style sheet.
    """
    lines = []
    for index, row in enumerate(rows):
        styles = ["" for _ in row[1:]]
        if shades and index < len(shades):
            styles = [f' style="background:rgba(45,125,210,{s or 0:.2f})"' for s in shades[index]]
        cells = "".join(
            f"<td{style}>{text(cell(v))}</td>" for v, style in zip(row[1:], styles, strict=True)
        )
        total = ' class="total"' if has_total and index == len(rows) - 1 else ""
        lines.append(f"<tr{total}><th>{text(row[0])}</th>{cells}</tr>\n")
    head = "".join(f"<th>{text(h)}</th>" for h in heads)
    return (
        f'<div class="wide"><p class="caption" id="{text(name)}-caption">{text(caption)}</p>\n'
        f'<table id="{text(name)}" class="{text(kind)}" aria-labelledby="{text(name)}-caption">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(lines)}</tbody></table></div>\n"
    )


def picture(content: bytes, alt: str, *, can_zoom: bool = False) -> str:
    """Returns a PNG or JPEG as part of the page; a click enlarges it if `can_zoom`."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    data = base64.b64encode(content).decode("ascii")
    image = f'<img src="data:image/{kind};base64,{data}" alt="{text(alt)}">'
    if can_zoom:
        return f'<label class="zoom"><input type="checkbox" aria-label="enlarge">{image}</label>'
    return image


def color_key(colors: dict[str, tuple[int, int, int]]) -> str:
    """Returns a line of names with their RGB colours."""
    entries = "".join(
        f'<i style="background:rgb({r},{g},{b})"></i>{text(name)}'
        for name, (r, g, b) in colors.items()
    )
    return f'<p class="key">{entries}</p>\n'
