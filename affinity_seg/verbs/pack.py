r"""Packs a trained model as a small folder that can ship.

    affinity_seg pack --model=runs/nuclei --card=models/nuclei.md --picture=models/nuclei.png \
        --output_dir=runs/packed/nuclei --replayed_images=20

The folder has all that inference needs and works wherever a model's folder does: the networks'
kernels in half precision without the state of the training, their settings, and model.yaml with
preset and scores. Paths of the training data are left out. README.md is the model card: the text of
--card, and tables of scores, settings and weights. The logits of --picture with the weights in
single and in half precision are compared, and the change is printed. A kernel that half precision
cannot represent is an error. With --replayed_images so many of the images that the model was
trained on come along, from the TFRecords in its folder: a training that starts from the packed
model replays them (docs/fit.md). Whoever has the model then has these pictures, with their masks
and file names. The output folder must be new or empty, and appears when it is complete.
"""

from affinity_seg import cli, model_folder, tool_flags


def define_flags(values: cli.Flags) -> None:
    """Defines the flags."""
    values.string("model", None, "Folder of the trained model.", required=True)
    what = "Markdown file, what the model card says beside its tables; begins with a heading."
    values.string("card", None, what, required=True)
    what = "Picture on which the logits in single and in half precision are compared."
    values.string("picture", None, what, required=True)
    values.float("max_megabytes", 8, "Largest size of the folder, 10^6 bytes.", 0)
    what = "Number of images it was trained on that come along, for trainings that start from it."
    values.integer("replayed_images", 0, what, 0)
    tool_flags.define_output_flag(values, "New folder for the packed model.")


def main(values: cli.Flags) -> None:
    """Runs the verb."""
    from affinity_seg.export import packing

    packed = packing.pack(
        values.model,
        values.output_dir,
        values.card,
        values.picture,
        values.max_megabytes,
        values.replayed_images,
    )
    for one in packed:
        print(
            f"{one.kind}: {one.num_weights} weights; logits up to {one.largest_logit:.2f}, changed "
            f"by half precision by {one.largest_change:.4f} at most, {one.mean_change:.5f} in the "
            "mean"
        )
    size = model_folder.megabytes(values.output_dir)
    print(f"{values.output_dir}: {size:.2f} MB of at most {values.max_megabytes:g} MB")
