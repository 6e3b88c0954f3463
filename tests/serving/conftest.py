"""Networks, pictures and exported models that the tests of serving share."""

import cv2
import numpy as np
import picture_bytes
import pytest
from faults.scene import PRESET, write_network
from running import ROOT, run_verb

from affinity_seg.configs import choices, experiments, inference
from affinity_seg.data import pictures
from affinity_seg.pipeline import prediction_runs
from synthetic import streets


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Networks, a preset, images of several kinds, and the export of both kinds."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "preset.yaml").write_text(PRESET)
    streets.write_streets(str(folder / "streets"), {"val": 2}, seed=1, height=128, width=192)
    paths = sorted((folder / "streets" / "leftImg8bit").rglob("*.png"))
    shown = {"street": cv2.imread(str(paths[0])), "other": cv2.imread(str(paths[1]))}
    write_network(folder / "semantic", experiments.SEMANTIC, shown["street"])
    write_network(folder / "affinity", experiments.AFFINITY, shown["street"])
    shown["small"] = shown["street"][40:77, 60:111]
    shown["wide"] = np.tile(shown["other"], (2, 7, 1))  # More than max_input_pixels.
    shown["plain"] = np.full((96, 64, 3), 120, np.uint8)
    rng = np.random.default_rng(0)
    for i in range(13):  # Streets of any size, the last ones enlarged until one thing fills them.
        height, width = rng.integers(24, 128), rng.integers(24, 192)
        y, x = rng.integers(129 - height), rng.integers(193 - width)
        crop = shown[("street", "other")[i % 2]][y : y + height, x : x + width]
        if i > 9:
            crop = cv2.resize(crop[:12, :12], (width, height), interpolation=cv2.INTER_LINEAR)
        shown[f"crop_{i:02}"] = crop
    shown["pair"] = np.full((1, 2, 3), 50, np.uint8)  # The smallest there is.
    for name, pixels in shown.items():
        assert cv2.imwrite(str(folder / f"{name}.png"), pixels)
    assert cv2.imwrite(str(folder / "photo.jpg"), shown["street"])
    assert cv2.imwrite(str(folder / "plain_bmp.bmp"), shown["small"])
    (folder / "turned.jpg").write_bytes(picture_bytes.photo(shown["street"], 6))
    chunk = picture_bytes.chunk(b"eXIf", picture_bytes.exif(7, ">"))
    (folder / "mirrored.png").write_bytes(picture_bytes.png(shown["other"], chunk))
    deep = shown["small"].astype(np.uint16) * 256 + 255
    assert cv2.imwrite(str(folder / "deep.png"), deep)
    for kind in choices.EXPORT_KINDS:
        result = run_verb(
            "export", ROOT, f"--model={folder}", f"--preset={folder}/preset.yaml",
            f"--output_dir={folder}/{kind}", f"--kind={kind}",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def names(folder):
    return sorted(path.name for path in folder.glob("*.*") if path.suffix != ".yaml")


@pytest.fixture(scope="session")
def offline(folder, names):
    """Instances of each picture as `affinity_seg segment` finds them."""
    config = inference.load_config(str(folder / "preset.yaml"))
    segmenter = prediction_runs.load_segmenter(
        config, str(folder / "semantic"), str(folder / "affinity")
    )
    read = pictures.read
    found = {n: segmenter.segment(read(str(folder / n))).as_numpy() for n in names}
    assert len(names) >= 20
    assert found["turned.jpg"].instance_ids.shape == (192, 128)
    assert len(found["turned.jpg"].classes) > 3 and len(found["mirrored.png"].classes) > 3
    assert len(found["street.png"].classes) > 3 and len(found["wide.png"].classes) > 3
    return found
