"""A whole evaluation, with a model that copies masks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.evaluation.run import evaluate
from support.predictors import FakePredictor


@pytest.fixture
def folder(tmp_path):
    """A set whose object is a box of one size on six slices."""
    label = np.zeros((10, 40, 50), np.uint8)
    label[2:8, 10:30, 15:35] = 3
    (tmp_path / "sets").mkdir()
    np.savez(tmp_path / "sets" / "blocks.npz", image=label * 100.0, label=label, spacing=np.ones(3), axes="ZYX")
    return tmp_path / "sets"


def test_each_object_is_scored_from_each_prompt_and_written(folder, tmp_path):
    said = []
    table = evaluate(FakePredictor(shift=0), folder, tmp_path / "out", ("box", "mask"), report=said.append)
    assert sorted(table["prompt"]) == ["box", "mask"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"evaluation.md", "evaluation.csv", "worst.png"}
    assert len(said) == 2
    assert all(text.startswith("blocks 3 ") for text in said)
    # Right on the five slices beside the prompted one, and on both ends two slices too far, where the stack ends.
    inside, outside = 5, 2 + 2
    assert table["dice"].to_numpy() == pytest.approx(2 * inside / (2 * inside + outside), abs=1e-6)


def test_sets_without_an_object_worth_scoring_are_an_error(folder, tmp_path):
    label = np.zeros((4, 20, 20), np.uint8)
    label[1:3, 5, 5] = 1
    (folder / "blocks.npz").unlink()
    np.savez(folder / "dots.npz", image=label, label=label, spacing=np.ones(3), axes="ZYX")
    with pytest.raises(ReadError, match="no object of at least two slices"):
        evaluate(FakePredictor(), folder, tmp_path / "out")
