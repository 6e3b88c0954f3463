"""Fixtures of several test files."""

import os

import cv2
import oracle
import pytest
from runs import save, scene

from affinity_seg.data.items import Item
from affinity_seg.pipeline import prediction_runs


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three images, two model folders with real checkpoints, networks that know the truth."""
    items = []
    for i in range(3):
        path = tmp_path / "images" / f"street_{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(oracle.picture(*scene(i)), cv2.COLOR_RGB2BGR))
        items.append(Item(f"street_{i}", path.name, str(path), None))
    for kind in ("semantic", "affinity"):
        save(tmp_path / kind, 1.0)
    monkeypatch.setattr(
        prediction_runs,
        "load_network",
        lambda folder, *_: oracle.OracleNetwork(os.path.basename(folder)),
    )
    return tmp_path, items
