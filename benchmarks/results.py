r"""Makes the tables of docs/results.md from what runs have stored; no number is typed by hand.

    python -m benchmarks.results --output_dir=runs/results

Reads the folders of runs: scores in model.yaml, scores.json, summary.json and results.json, the
time of training in the summaries. A run that is not there is left out, and the page says so:
"not run". What no run stores is measured by this program and kept in --output_dir, and is not
measured again while the model stays the same: clusterings and strategies on the same logits, and
seconds for an image. Run it when the machine has nothing else to do.

--nuclei and --demo are "name=folder" and may be given several times; the logits are those of the
first of each that is there.
"""

import os

from affinity_seg import cli, files
from affinity_seg.class_tables import load_class_table
from affinity_seg.data import listing, sampling

_NUCLEI = (
    "`make nuclei`, 40 minutes=runs/nuclei",
    "`make nuclei`, 20 minutes=runs/nuclei_20",
    "two networks, 40 minutes=runs/nuclei_two",
    "the shipped model=nuclei",
)
_DEMO = ("`make demo`=runs/demo", "two networks=runs/demo_two")


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("output_dir", "runs/results", "Folder for what is measured.")
    values.multi_string("nuclei", list(_NUCLEI), "name=folder of a model for nuclei.")
    values.multi_string("demo", list(_DEMO), "name=folder of a model for the demo's streets.")
    values.string("data", "../shared/data/nuclei", "Nuclei, with train/ and val/.")
    values.string("stardist", "runs/stardist", "Folder of `make stardist`.")
    values.integer("training_images", 20, "Images that choose the clusterings' levels.", 1)
    values.string("page", "docs/results.md", "The page whose tables are written.")


def main(values: cli.Flags) -> None:
    """Runs the program."""
    from benchmarks import model_measures, result_page, result_rows

    with open(values.page, encoding="utf-8") as file:
        page = file.read()
    nuclei, demo = (
        [result_rows.parse_run(text) for text in texts] for texts in (values.nuclei, values.demo)
    )
    texts = {"machine": f"{model_measures.machine()}."}
    texts |= _streets(values, demo)
    texts |= _nuclei(values, nuclei)
    files.write_bytes(values.page, result_page.fill(page, texts, values.page).encode())
    print(f"written: {values.page}")


def _nuclei(values, runs):
    """Returns the texts of the nuclei's tables by name."""
    from benchmarks import model_measures, result_page, result_rows

    if not os.path.isdir(values.data):
        text = f"not run: {values.data} not found"
        return dict.fromkeys(("nuclei", "clusterings", "strategies", "stardist"), text)
    training, items = (
        listing.list_labelled_images(os.path.join(values.data, part), "folder", part)
        for part in ("train", "val")
    )

    data = "/".join(os.path.abspath(os.path.join(values.data, "val")).split(os.sep)[-2:])
    rows, missing = result_rows.nuclei_rows(runs, data, _seconds_of(values, items))
    lines = [*result_rows.pair_wins(rows), *missing]
    texts = {"nuclei": result_page.table(rows, lines)}
    texts["stardist"] = _stardist(values, rows, items)
    models = [result_rows.read_model(run) for run in runs]
    first = next((index for index, model in enumerate(models) if model), None)
    if first is None:
        return texts | dict.fromkeys(("clusterings", "strategies"), "not run: no model")
    found = model_measures.compare(
        models[first],
        sampling.spread(training, values.training_images),
        items,
        os.path.join(values.output_dir, "nuclei"),
    )
    whose = f"Logits of {runs[first].name}. Machine: {found['machine']}."
    texts["clusterings"] = result_page.table(
        found["clusterings"],
        [
            *found["skipped"]["clusterings"],
            result_page.wins(found["clusterings"][:2], found["clusterings"][2:]),
            whose,
        ],
    )
    lines = [*found["skipped"]["strategies"], whose]
    texts["strategies"] = result_page.table(found["strategies"], lines)
    return texts


def _streets(values, runs):
    """Returns the texts of the streets' tables by name."""
    from benchmarks import model_measures, result_page, result_rows

    first = next((run for run in runs if result_rows.scored(run, result_rows.STREETS)[0]), None)
    streets = first and os.path.join(first.folder, "streets")
    items = []
    if first and os.path.isdir(streets):
        items = listing.list_labelled_images(streets, "cityscapes", "val")
    rows, missing = result_rows.demo_rows(runs, _seconds_of(values, items))
    texts = {
        "demo": result_page.table(rows, [*result_rows.pair_wins(rows), *missing]),
        "classes": result_page.table(result_rows.class_rows(runs)),
        "strategies_demo": f"not run: {streets or 'the demo'} not found",
    }
    if items:
        output_dir = os.path.join(values.output_dir, "demo")
        model = result_rows.read_model(first)
        found = model_measures.compare(model, (), items, output_dir)
        whose = f"Logits of {first.name}. Machine: {found['machine']}."
        lines = [*found["skipped"]["strategies"], whose]
        texts["strategies_demo"] = result_page.table(found["strategies"], lines)
    return texts


def _seconds_of(values, items):
    """Returns a function that measures the seconds for an image of a run; None without images."""
    from benchmarks import model_measures

    def seconds_of(run, model):
        name = run.folder.strip("/").replace("/", "_")
        path = os.path.join(values.output_dir, f"seconds_{name}.json")
        return model_measures.seconds_per_image(model, items, path) if items else None

    return seconds_of


def _stardist(values, rows, items):
    """Returns the text of the comparison with StarDist; `rows` are our own."""
    from benchmarks import result_page, result_rows

    row, missing = result_rows.stardist_row(values.stardist, items, load_class_table("nuclei"))
    if row is None:
        return missing
    all_rows = [{key: one[key] for key in row} for one in rows] + [row]
    return result_page.table(all_rows, [result_page.wins(rows, [row])])


if __name__ == "__main__":
    cli.start(__name__)
