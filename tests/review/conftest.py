"""A study of small images in files, each with its session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_sam2 as ns
from support.predictors import FakePredictor


class Study:
    """A folder with ``a.nii.gz``, ``b.nii.gz``, … ; object 1 covers 2 × 3 × 4 voxels of 2 × 1 × 1 mm."""

    def __init__(self, folder: Path):
        self.folder = folder
        for i, name in enumerate("abc"):
            array = np.full((6, 20, 30), i, np.int16)
            ns.write_labels(folder / f"{name}.nii.gz", array, ns.ImageVolume(array, spacing=(2, 1, 1), units="mm"))
            session = self.begin(name)
            session.save(folder / f"{name}.sam2")
            session.close()

    def begin(self, name: str) -> ns.VideoSession:
        session = ns.VideoSession(FakePredictor(), ns.read_volume(self.folder / f"{name}.nii.gz"))
        for frame, width in ((2, 4), (3, 5)):
            mask = np.zeros((20, 30), bool)
            mask[5:8, 10 : 10 + width] = True
            session.edit_mask(1, frame, mask)
        session.rename_object(1, "node")
        return session

    def table(self, *lines: str, name: str = "list.csv") -> Path:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    return Study(folder)
