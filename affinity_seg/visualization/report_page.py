"""Writes the report of a run as one HTML page without scripts and without any other file."""

import json
from typing import Any

from affinity_seg import files, version
from affinity_seg.evaluation import errors, metrics
from affinity_seg.evaluation.tables import cell
from affinity_seg.visualization import failures, layout, report_parts
from affinity_seg.visualization.report import ErrorLine, Failure, GalleryImage, Report
from affinity_seg.visualization.report_parts import picture, table, text

LISTED_ERRORS = 8
"""Number of errors of an image that are shown; the others are in a folded list."""

LISTED_PAIRS = 10
"""Number of most confused pairs of classes that are listed."""

_JUDGES = {
    "cityscapes": "The official Cityscapes program judges; COCO's definition stands beside it.",
    "coco": "COCO's definition of AP judges, and the score of the Data Science Bowl 2018.",
}
_KINDS = {
    errors.MISSED: "no unmatched prediction has an IoU of at least 0.1 with the true instance",
    errors.MERGED: "one prediction holds more than half of each of two or more true instances",
    errors.SPLIT: "two or more predictions are pieces of one true instance",
    errors.POOR_MASK: "the best IoU of an unmatched prediction is between 0.1 and 0.5",
    errors.WRONG_CLASS: "the IoU is at least 0.5, the class is another one",
    errors.FALSE_POSITIVE: "predictions that find nothing and are in no other error",
}


def write_page(path: str, report: Report) -> None:
    """Writes the page atomically."""
    files.write_bytes(path, page(report).encode())


def page(report: Report) -> str:
    """Returns the page."""
    title = f"Report of {report.results_dir}"
    judged = report.scores is not None
    sections = {"run": ("What was run", _run(report))}
    if judged:
        sections["scores"] = ("Average precision", _scores(report.scores))
        sections["curves"] = ("Precision and recall", _curves(report))
        sections["kinds"] = ("Errors and classes", _errors(report))
        sections["failures"] = ("Failures", _failures(report.failures))
    sections["gallery"] = ("Gallery", _gallery(report))
    links = "".join(f'<a href="#{name}">{head}</a>' for name, (head, _) in sections.items())
    body = "".join(
        f'<section id="{name}"><h2>{head}</h2>\n{content}</section>\n'
        for name, (head, content) in sections.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{report_parts.STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{text(title)}</h1>\n{_summary(report)}<nav>{links}</nav>\n{body}"
        f"<p>Written by affinity_seg {text(version.__version__)}.</p>\n</body>\n</html>\n"
    )


def _summary(report: Report) -> str:
    split = f", split {report.split}" if report.split else ""
    line = (
        f"{report.num_images} images of {report.data_dir}{split}; classes: "
        f"{report.class_table.name}; predictions: {report.predictions_dir}."
    )
    if report.scores is None:
        result = "No true instances: nothing is judged, and images are in the order of their names."
    else:
        ap, ap50 = (cell(report.scores[key]) for key in ("ap", "ap50"))
        sums = report.error_sums
        result = (
            f"AP {ap}, AP50 {ap50}; {sums['num_found']} of {sums['num_true']} true instances found "
            f"at IoU 0.5 with the right class, by {sums['num_predicted']} predictions."
        )
    return f"<p>{text(line)}</p>\n<p><strong>{text(result)}</strong></p>\n"


def _run(report: Report) -> str:
    """Returns the fields of the preset and the checkpoints."""
    if not report.settings:
        return "<p>Neither folder has a fingerprint.json that says what made it.</p>\n"
    entries = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(_setting(value))}</dd></div>\n"
        for name, value in report.settings.items()
    )
    return (
        "<p>Fields of the preset and checkpoints of the networks, from fingerprint.json of "
        f'predictions and results; sizes are pixels.</p>\n<dl class="settings">\n{entries}</dl>\n'
    )


def _setting(value: Any) -> str:
    if isinstance(value, dict) and "checkpoint" in value:
        return f"{value['checkpoint']}, sha256 {value['sha256'][:12]}"
    return value if isinstance(value, str) else json.dumps(value)


def _scores(scores: dict[str, Any]) -> str:
    tables = []
    if scores["judge"] == "cityscapes":
        tables.append(
            _score_table("ap", "Official Cityscapes judge", scores, {"ap": "AP", "ap50": "AP50"})
        )
    coco = {
        "ap": "AP",
        "ap50": "AP50",
        "ap75": "AP75",
        "ap_small": "AP small (to 32²)",
        "ap_medium": "AP medium (to 96²)",
        "ap_large": "AP large (above)",
    }
    tables.append(
        _score_table("coco", "COCO, by size of the truth in px", metrics.coco_scores(scores), coco)
    )
    if "dsb" in scores:
        rows = [(f"IoU > {iou}", value) for iou, value in scores["dsb"]["score_per_iou"].items()]
        rows.append(("mean", scores["dsb"]["mean_score"]))
        caption = "Data Science Bowl 2018; fractions"
        tables.append(table("dsb", caption, ("", "TP/(TP+FP+FN)"), rows, has_total=True))
    intro = f"<p>{_JUDGES[scores['judge']]} nan: no true instance.</p>\n"
    return f'{intro}<div class="tables">\n{"".join(tables)}</div>\n'


def _score_table(name: str, title: str, scores: dict[str, Any], columns: dict[str, str]) -> str:
    rows = [
        (class_name, *(entry[key] for key in columns))
        for class_name, entry in [*scores["classes"].items(), ("average", scores)]
    ]
    heads = ("class", *columns.values())
    return table(name, f"{title}; fractions", heads, rows, has_total=True)


def _curves(report: Report) -> str:
    png = layout.to_png(report.plot)
    return (
        "<p>COCO's curves: precision, made monotonous, at 101 points of recall; fractions.</p>\n"
        f"<figure>{picture(png, 'precision-recall curves')}</figure>\n"
    )


def _errors(report: Report) -> str:
    kinds = [(kind, _KINDS[kind], count) for kind, count in report.error_sums["kinds"].items()]
    heads = ("kind", "what", "number")
    return (
        table("errors", "Errors; numbers", heads, kinds, kind="kinds")
        + _votes(report.error_sums["votes"])
        + _semantic(report.semantic)
    )


def _votes(votes: dict[str, dict[str, int]]) -> str:
    """Returns the true classes against the classes of the matched predictions."""
    rows = [(name, *row.values()) for name, row in votes.items()]
    return table(
        "votes",
        "Classes voted: true class by class of the matched prediction (IoU of at least 0.5, "
        "whatever the class); number of instances, darker: larger share of the row",
        ("true class", *next(iter(votes.values()))),
        rows,
        shades=[[count / max(sum(row[1:]), 1) for count in row[1:]] for row in rows],
    )


def _semantic(semantic: dict[str, Any]) -> str:
    """Returns the confusion of the semantic classes, and the pairs taken for each other."""
    shares = semantic["shares"]
    rows = [(name, *row.values(), semantic["iou"][name]) for name, row in shares.items()]
    rows.append(("mean", *[""] * len(shares), semantic["mean_iou"]))
    matrix = table(
        "semantic",
        "Semantic network: pixels by true and predicted class, as share of the true class; "
        "fractions",
        ("true class", *shares, "IoU"),
        rows,
        shades=[[*row.values(), 0] for row in shares.values()],
        has_total=True,
    )
    pairs = [(" - ".join(pair["classes"]), pair["share"]) for pair in semantic["pairs"]]
    pairs = [pair for pair in pairs if pair[1]][:LISTED_PAIRS]
    if not pairs:
        return matrix
    caption = "Taken for each other; fractions"
    return matrix + table("pairs", caption, ("pair", "mean share"), pairs)


def _failures(by_kind: dict[str, list[Failure]]) -> str:
    key = {"truth": failures.TRUTH_COLOR, "prediction": failures.PREDICTION_COLOR}
    parts = ["<p>The largest errors of each kind, in contours:</p>\n", report_parts.color_key(key)]
    for kind, found in by_kind.items():
        parts.append(f"<h3>{text(kind)}: {text(_KINDS[kind])}</h3>\n")
        if not found:
            parts.append("<p>none</p>\n")
        crops = "".join(
            f'<figure class="failure">{picture(item.picture, kind)}<figcaption>'
            f"{text(_classes(item.error))}<br>IoU {item.error.iou:.3f}, {item.error.pixels} px<br>"
            f"{text(item.name)}</figcaption></figure>\n"
            for item in found
        )
        parts.append(f'<div class="crops">{crops}</div>\n')
    return "".join(parts)


def _classes(error: ErrorLine) -> str:
    """Returns what an error is about, such as "car, car as car" or "car, missed"."""
    true, predicted = ", ".join(error.true), ", ".join(error.predicted)
    if true and predicted:
        return f"{true} as {predicted}"
    return f"{true or predicted}, {error.kind}"


def _gallery(report: Report) -> str:
    order = "by name" if report.scores is None else "worst first: by the share of pixels in errors"
    classes = report.class_table
    key = dict(zip(classes.class_names[1:], classes.colors[1:], strict=True))
    return (
        f"<p>{len(report.gallery)} of {report.num_images} images, {order}. A click enlarges. "
        "Truth and prediction: each instance in a colour of its own, their number in brackets. "
        "Semantic prediction:</p>\n"
        f"{report_parts.color_key(key)}" + "".join(map(_gallery_image, report.gallery))
    )


def _gallery_image(image: GalleryImage) -> str:
    panels = "".join(
        f"<figure>{picture(jpeg, f'{image.name}, {caption}', can_zoom=True)}"
        f"<figcaption>{text(caption)}</figcaption></figure>"
        for caption, jpeg in image.panels.items()
    )
    judged = ""
    if image.judged:
        count, share = len(image.errors), image.judged.share
        judged = f"<p>Errors: {count}, {100 * share:.1f}% of the pixels.</p>\n"
    return (
        f'<article data-name="{text(image.name)}">\n<h3>{text(image.name)}</h3>\n{judged}'
        f'<div class="panels">{panels}</div>\n{_error_list(image)}</article>\n'
    )


def _error_list(image: GalleryImage) -> str:
    if not image.errors:
        return ""
    heads = ("kind", "true class", "predicted class", "IoU", "size (px)", "at x, y (px)")
    rows = [
        (
            error.kind,
            ", ".join(error.true) or "none",
            ", ".join(error.predicted) or "none",
            error.iou,
            error.pixels,
            f"{error.center[0]}, {error.center[1]}",
        )
        for error in image.errors
    ]
    first, more = rows[:LISTED_ERRORS], rows[LISTED_ERRORS:]
    shown = table(f"errors-{image.name}", "Errors, largest first", heads, first, kind="errors")
    if more:
        rest = table(f"more-{image.name}", "The others", heads, more, kind="errors")
        shown += f"<details><summary>{len(more)} more errors</summary>\n{rest}</details>\n"
    return shown
