"""The tables of strategies in the paper (5.2, 5.3): rows, their presets and what was measured."""

from typing import NamedTuple


class TableRow(NamedTuple):
    """One row of a table.

    Attributes:
      name: As the paper calls it.
      preset: File of configs/presets, without suffix.
      paper_ap: AP on Cityscapes val, in percent; None for a strategy that is not the paper's.
      above: Preset of the row that it is compared with.
      changes: The fields that differ from that one.
    """

    name: str
    preset: str
    paper_ap: float | None
    above: str
    changes: tuple[str, ...]


TABLES = {
    2: (
        TableRow("baseline", "table2_baseline", 18.9, "table2_baseline", ()),
        TableRow("+refinement", "table2_refinement", 22.8, "table2_baseline", ("refine",)),
        TableRow("+resizing ROIs", "table2_resize", 28.7, "table2_refinement", ("zoom",)),
        TableRow(
            "+local merge 2",
            "table2_local_merge_2",
            29.2,
            "table2_resize",
            ("merge_window", "min_pixels"),  # 256 windows
        ),
        TableRow(
            "local merge 4 instead",
            "table2_local_merge_4",
            27.5,
            "table2_local_merge_2",
            ("merge_window", "min_pixels"),
        ),
        TableRow(
            "+class partition", "table2_partition", 30.7, "table2_local_merge_2", ("partition",)
        ),
    ),
    3: (
        TableRow("16/16", "table3_16_16", 30.7, "table2_partition", ()),
        TableRow("sem 8", "table3_semantic_8", 31.2, "table3_16_16", ("semantic_stride",)),
        TableRow("inst 8", "table3_affinity_8", 31.2, "table3_16_16", ("affinity_stride",)),
        TableRow("8/8", "table3_8_8", 32.1, "table3_semantic_8", ("affinity_stride",)),
        TableRow("+sem flip", "table3_semantic_flip", 32.8, "table3_8_8", ("semantic_flip",)),
        TableRow("+inst flip", "table3_affinity_flip", 32.6, "table3_8_8", ("affinity_flip",)),
        TableRow(
            "both flips", "table3_both_flips", 33.5, "table3_semantic_flip", ("affinity_flip",)
        ),
        TableRow(
            "+class refinement",
            "table3_class_refinement",
            34.1,
            "table3_both_flips",
            ("refine_classes",),
        ),
    ),
}
