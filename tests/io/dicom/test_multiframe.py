"""Files with many frames, and mosaics."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io import read_volume
from support.dicom import dataset


def test_a_mosaic_without_its_private_elements_is_refused_clearly(tmp_path, stored) -> None:
    dataset(stored[0], ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]).save_as(tmp_path / "a.dcm")
    with pytest.raises(ReadError, match="Siemens mosaic whose private elements"):
        read_volume(tmp_path / "a.dcm")


@pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental:UserWarning")
def test_the_first_tile_of_a_mosaic_lies_where_nibabel_finds_it(awkward) -> None:
    folder = awkward("mr_siemens_mosaic_jpeglossless")
    # It warns of its own readers when it is imported for the first time.
    from nibabel.nicom.dicomwrappers import wrapper_from_file

    volume = read_volume(folder)
    theirs = wrapper_from_file(folder / "jpg1.dcm")
    # Theirs is indexed (row, column, slice), with the first row and column as its origin.
    reordered = theirs.affine[:, [2, 0, 1, 3]]
    assert volume.affine == pytest.approx(reordered, abs=1e-5)
    assert volume.affine[:3, 3] == pytest.approx([-116.0, -166.8, -52.14], abs=0.01)
    sheet = pydicom.dcmread(folder / "jpg1.dcm")
    from imagecodecs import jpegsof3_decode
    from pydicom.encaps import generate_frames

    whole = jpegsof3_decode(next(generate_frames(sheet.PixelData, number_of_frames=1)))
    assert np.array_equal(volume.array[0, 7], whole[86:172, 86:172])


@pytest.mark.parametrize(("start", "bytes_"), [(8, b"\xff\xff\xff\x7f"), (0, b"nothing")])
def test_a_mosaic_with_a_damaged_private_header_is_refused(awkward, tmp_path, start, bytes_) -> None:
    header = pydicom.dcmread(awkward("mr_siemens_mosaic_jpeglossless") / "jpg1.dcm")
    raw = bytearray(header[0x0029, 0x1010].value)
    raw[start : start + len(bytes_)] = bytes_
    header[0x0029, 0x1010].value = bytes(raw)
    header.save_as(tmp_path / "a.dcm")
    with pytest.raises(ReadError, match="Siemens mosaic") as caught:
        read_volume(tmp_path / "a.dcm")
    assert "a.dcm" in caught.value.headline


def test_magnitude_and_field_map_of_one_file_are_two_series(awkward) -> None:
    path = awkward("mr_philips_enhanced_multiframe")
    with pytest.raises(SeveralSeriesError, match="FFE") as caught:
        read_volume(path)
    assert [s.shape for s in caught.value.series] == [(32, 64, 64)] * 2
    assert caught.value.series[0].spacing == pytest.approx((4, 4, 4))
    file = next(p for p in path.rglob("*") if p.is_file())
    stored = pydicom.dcmread(file).pixel_array
    magnitude, fields = read_volume(path, series=0), read_volume(path, series=1)
    # Each frame has its own rescale; compared as sets of planes, because the order is by position.
    for volume, planes, slope, intercept in ((magnitude, stored[:32], 1.2799, 0), (fields, stored[32:], 0.2442, -500)):
        ours = sorted(float(v) for v in volume.array.sum(axis=(1, 2), dtype=float))
        theirs = sorted(float(v) for v in (planes * slope + intercept).sum(axis=(1, 2)))
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_frames_go_by_position_not_by_their_number(awkward) -> None:
    path = awkward("ct_enhanced_multiframe_tiny")
    header = pydicom.dcmread(next(path.iterdir()))
    groups = header.PerFrameFunctionalGroupsSequence
    heights = [float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in groups]
    volume = read_volume(path)
    assert np.array_equal(volume.array, header.pixel_array[np.argsort(heights)])
    assert volume.affine[2, 3] == pytest.approx(min(heights))
