"""A study of small images in files, each with its session."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import napari_sam2 as ns
from support.predictors import FakePredictor


class Study:
    """A folder with ``a.nii.gz``, ``b.nii.gz``, ``c.nii.gz``, and a session beside each.

    Object 1 has 3 x 4 voxels on slice 2 and 3 x 5 on slice 3, of 2 x 1 x 1 mm.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def table(self, *lines: str) -> Path:
        path = self.folder / "list.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The files of a study, made once; sessions find their images beside them."""
    folder = tmp_path_factory.mktemp("template") / "study"
    folder.mkdir()
    for i, name in enumerate("abc"):
        array = np.full((6, 20, 30), i, np.int16)
        ns.write_labels(folder / f"{name}.nii.gz", array, ns.ImageVolume(array, spacing=(2, 1, 1), units="mm"))
        session = ns.VideoSession(FakePredictor(), ns.read_volume(folder / f"{name}.nii.gz"))
        for frame, width in ((2, 4), (3, 5)):
            mask = np.zeros((20, 30), bool)
            mask[5:8, 10 : 10 + width] = True
            session.edit_mask(1, frame, mask)
        session.rename_object(1, "node")
        session.save(folder / f"{name}.sam2")
        session.close()
    return folder.rename(folder.with_name("kept"))


@pytest.fixture
def study(template, tmp_path):
    shutil.copytree(template, tmp_path / "study")
    return Study(tmp_path / "study")
