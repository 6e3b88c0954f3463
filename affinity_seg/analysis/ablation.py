"""Predicts, merges and evaluates the paper's tables of strategies on a data set (5.2, 5.3)."""

import os
import time
from collections.abc import Sequence
from typing import Any

from affinity_seg.configs import choices, inference
from affinity_seg.configs.paper_tables import TableRow
from affinity_seg.data.items import Item
from affinity_seg.evaluation import metrics, tables
from affinity_seg.labels import ClassTable
from affinity_seg.model_folder import ModelFolder
from affinity_seg.pipeline import folders, merge_runs, prediction_runs


def run_table(
    rows: Sequence[TableRow],
    items: Sequence[Item],
    class_table: ClassTable,
    *,
    presets_dir: str,
    overrides: Sequence[str],
    model: ModelFolder,
    stride_8_model: ModelFolder | None = None,
    output_dir: str,
) -> list[dict[str, Any]]:
    """Runs the rows of a table; started again, it continues.

    Rows with the same fields of prediction share their records, and a network runs on a crop once
    for all rows with the same two networks.

    Args:
      rows: The rows.
      items: Images with truth.
      class_table: The classes of the semantic network.
      presets_dir: Folder of the presets.
      overrides: "field=value", changes of every row.
      model: The networks.
      stride_8_model: Those that were fine-tuned at output stride 8 (5.2), if there are any: rows
        with that stride take them.
      output_dir: Folder for `predictions` and `results`.

    Returns:
      For each row: name, preset, above (the preset it is compared with), paper_ap (percent or
      None), ap, ap50 (0..1), and the seconds of predict (what no earlier row had to pay), merge and
      evaluate.

    Raises:
      FileNotFoundError: A preset, a network or a file of the data set is missing.
      ValueError: A preset or the networks do not fit, or a folder holds something else.
    """
    configs = [
        inference.load_config(os.path.join(presets_dir, row.preset + ".yaml"), overrides)
        for row in rows
    ]
    variants: dict[tuple[str, str], dict[str, inference.InferenceConfig]] = {}
    record_folders = []
    for config in configs:
        dirs = network_dirs(config, model, stride_8_model)
        record_folders.append(folders.records_dir(output_dir, config, dirs))
        variants.setdefault(dirs, {})[record_folders[-1]] = config
    seconds_left = {}
    for dirs, of_dirs in variants.items():
        made = prediction_runs.predict_variants(items, of_dirs, *dirs)
        seconds_left |= {folder: m.seconds for folder, m in zip(of_dirs, made, strict=True)}
    found: list[dict[str, Any]] = []
    for row, config, folder in zip(rows, configs, record_folders, strict=True):
        results_dir = os.path.join(output_dir, "results", row.preset)
        start = time.monotonic()
        merge_runs.merge_records(folder, config, choices.MERGE_METHODS[0], results_dir)
        merged = time.monotonic()
        print(f"\n{row.name}", flush=True)
        scores = metrics.main_scores(items, results_dir, class_table)
        found.append(
            {
                "name": row.name,
                "preset": row.preset,
                "above": row.above,
                "paper_ap": row.paper_ap,
                "ap": scores["ap"],
                "ap50": scores["ap50"],
                "predict_seconds": seconds_left.pop(folder, 0.0),
                "merge_seconds": merged - start,
                "evaluate_seconds": time.monotonic() - merged,
            }
        )
    return found


def network_dirs(
    config: inference.InferenceConfig, model: ModelFolder, stride_8_model: ModelFolder | None = None
) -> tuple[str, str]:
    """Returns the folders of the two networks of a row; arguments as in `run_table`."""
    fine = stride_8_model or model
    return (
        (fine if config.semantic_stride == 8 else model).semantic_dir,
        (fine if config.affinity_stride == 8 else model).affinity_dir,
    )


def markdown(number: int, found: Sequence[dict[str, Any]]) -> str:
    """Returns the table in Markdown, AP in percent."""
    lines = []
    by_preset = {row["preset"]: row for row in found}
    for row in found:
        above = by_preset.get(row["above"], row)
        change = ""
        if above is not row and None not in (row["ap"], above["ap"]):
            change = f"{100 * (row['ap'] - above['ap']):+.1f}"
        paper_ap = "-" if row["paper_ap"] is None else f"{row['paper_ap']:.1f}"
        scores = tables.percent(row["ap"]), change, tables.percent(row["ap50"])
        seconds = (f"{row[name]:.0f}" for name in ("predict_seconds", "merge_seconds"))
        lines.append((row["name"], paper_ap, *scores, *seconds))
    heads = (f"Table {number}", "paper's AP", "AP", "change", "AP50", "predict s", "merge s")
    return tables.markdown(heads, lines)
