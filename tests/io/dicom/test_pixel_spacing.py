"""The size of a pixel: in the body, on the detector, or only its proportion."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.io import read_volume
from support.dicom import dataset, save, write_series

STORED = np.arange(24, dtype=np.uint8).reshape(4, 6)


def test_the_proportion_of_pixels_is_kept_where_their_size_is_unknown(tmp_path) -> None:
    volume = read_volume(save(tmp_path, dataset(STORED, None, PixelSpacing=None, PixelAspectRatio=[4, 3])))
    assert volume.units is None
    assert volume.spacing == pytest.approx((4 / 3, 1.0))
    assert "4 high to 3 wide" in " ".join(volume.source.notes)


def test_a_size_goes_before_a_proportion(tmp_path) -> None:
    volume = read_volume(save(tmp_path, dataset(STORED, PixelAspectRatio=[4, 3])))
    assert (volume.units, volume.spacing) == ("mm", pytest.approx((0.8, 0.7)))


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("ImagerPixelSpacing", "the detector's"), ("NominalScannedPixelSpacing", "of the scanned film")],
)
@pytest.mark.parametrize("pixel_spacing", [None, [0, 0]])
def test_spacings_that_are_not_of_the_body_count_with_a_note(tmp_path, keyword, words, pixel_spacing) -> None:
    ds = dataset(STORED, None, PixelSpacing=pixel_spacing, **{keyword: [0.2, 0.1]})
    volume = read_volume(save(tmp_path, ds))
    assert (volume.units, volume.spacing) == ("mm", pytest.approx((0.2, 0.1)))
    assert words in " ".join(volume.source.notes)


def test_a_stack_says_what_kind_of_spacing_it_has(tmp_path) -> None:
    write_series(tmp_path, np.stack([STORED] * 3), PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.1])
    volume = read_volume(tmp_path)
    assert volume.spacing == pytest.approx((2.0, 0.2, 0.1))
    assert "the detector's" in " ".join(volume.source.notes)
