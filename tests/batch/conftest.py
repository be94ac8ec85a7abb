import numpy as np
import pytest

import napari_sam2 as ns


def ball(centre, radius, shape=(8, 40, 48)):
    grid = np.indices(shape)
    scaled = [(g - c) * s for g, c, s in zip(grid, centre, (3, 1, 1), strict=True)]
    return sum(g**2 for g in scaled) <= radius**2


def image(centre=(4, 20, 24), radius=10, shape=(8, 40, 48)):
    """A bright ball in noise, and its mask."""
    truth = ball(centre, radius, shape)
    noise = np.random.default_rng(0).uniform(0, 20, shape)
    return ns.ImageVolume((truth * 100 + noise).astype(np.int16), axes="zyx", spacing=(3, 1, 1), units="mm"), truth


@pytest.fixture
def study(tmp_path):
    """A folder with three images, each with labels of its middle slice beside it."""
    folder = tmp_path / "study"
    folder.mkdir()
    for i in range(3):
        volume, truth = image((4, 18 + i, 24), 9 + i)
        ns.write_labels(folder / f"case{i}.nii.gz", volume.array.astype(np.int16), volume)
        key = np.where(np.arange(8)[:, None, None] == 4, truth, False).astype(np.uint8)
        ns.write_labels(folder / f"case{i}_labels.nii.gz", key, volume, names={1: "ball"})
    return folder
