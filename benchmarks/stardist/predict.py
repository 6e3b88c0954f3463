"""Segments a folder of images by the StarDist model of train.py.

    python benchmarks/stardist/predict.py --input=../shared/data/nuclei/val \
        --output_dir=runs/stardist

Writes labels/<name>.png, 16 bits, and predict.json with the median seconds for an image: reading,
normalizing, network, polygons and writing. Each image is segmented twice, and the second time
counts, so that the network has seen the shape before.
"""

import argparse
import json
import os
import statistics
import time

import cv2
import images
import numpy as np
from stardist.models import StarDist2D


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="Folder with images/.")
    parser.add_argument("--output_dir", required=True, help="Folder of the model.")
    values = parser.parse_args()
    model = StarDist2D(None, name="model", basedir=values.output_dir)
    folder = os.path.join(values.output_dir, "labels")
    os.makedirs(folder, exist_ok=True)
    seconds = []
    for name in images.names(values.input):
        for _ in range(2):
            start = time.monotonic()
            labels, _ = model.predict_instances(images.read_image(values.input, name))
            cv2.imwrite(os.path.join(folder, name + ".png"), labels.astype(np.uint16))
            last = time.monotonic() - start
        seconds.append(last)
    content = {"images": len(seconds), "seconds_per_image": statistics.median(seconds)}
    with open(os.path.join(values.output_dir, "predict.json"), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    print(content)


if __name__ == "__main__":
    main()
