"""DICOM series that the tests write themselves: order, geometry, values, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import list_series, read_volume, write_labels
from support.dicom import SAGITTAL, dataset, write_series


def test_a_series_is_sorted_by_position_not_by_name(tmp_path, stored) -> None:
    names = [f"{n:03d}.dcm" for n in (3, 0, 4, 1, 2)]
    write_series(tmp_path, stored, names=names, BitsStored=12, HighBit=11)
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array, stored.astype(np.int32) - 1024)
    assert volume.array.dtype == np.int16
    assert volume.axes == "zyx"
    assert volume.spacing == pytest.approx((2.0, 0.8, 0.7))
    assert volume.units == "mm"
    assert volume.is_hu
    assert volume.affine @ [1, 2, 3, 1] == pytest.approx([-10 + 3 * 0.7, -20 + 2 * 0.8, 2.0, 1])
    assert [p.name for p in volume.source.paths] == names
    assert volume.source.series_uid == "1.2.3.4"
    assert volume.name == "phantom"


def test_slices_ascend_even_where_they_were_numbered_downwards(tmp_path, stored) -> None:
    write_series(tmp_path, stored, heights=[8.0, 6.0, 4.0, 2.0, 0.0])
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array[0], stored[4].astype(int) - 1024)
    assert volume.affine[2, 0] == pytest.approx(2.0)


def test_the_acquired_plane_is_kept(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        dataset(plane, (3.0 * index, -5.0, 40.0), SAGITTAL).save_as(tmp_path / f"{index}.dcm")
    volume = read_volume(tmp_path)
    # The normal of a sagittal slice (row direction × column direction) points to the right, so x falls.
    assert np.array_equal(volume.array[0], stored[4].astype(int) - 1024)
    assert volume.affine[:3, 0] == pytest.approx([-3, 0, 0])
    assert volume.affine[:3, 1] == pytest.approx([0, 0, -0.8])
    assert volume.affine[:3, 2] == pytest.approx([0, 0.7, 0])


def test_one_file_alone_is_a_plane_with_its_place(tmp_path, stored) -> None:
    paths = write_series(tmp_path, stored)
    volume = read_volume(paths[3])
    assert volume.axes == "yx"
    assert volume.affine[2, 3] == 6.0
    assert volume.spacing == pytest.approx((0.8, 0.7))


def test_a_missing_slice_is_refused_with_its_place(tmp_path, stored) -> None:
    paths = write_series(tmp_path, stored)
    paths[2].unlink()
    with pytest.raises(ReadError, match=r"1 slice missing: .*001.dcm and 003.dcm") as caught:
        read_volume(tmp_path)
    assert str(tmp_path) in caught.value.headline
    assert list_series(tmp_path)[0].problem.startswith("1 slice missing")


def test_uneven_gaps_are_refused_and_small_jitter_is_noted(tmp_path, stored) -> None:
    write_series(tmp_path / "uneven", stored, heights=[0.0, 2.0, 4.0, 6.0, 8.1])
    with pytest.raises(ReadError, match="not equal"):
        read_volume(tmp_path / "uneven")
    write_series(tmp_path / "jitter", stored, heights=[0.0, 2.01, 4.0, 6.01, 8.0])
    volume = read_volume(tmp_path / "jitter")
    assert volume.spacing[0] == pytest.approx(2.0)
    assert any("jitter" in note for note in volume.source.notes)


def test_gaps_whose_small_differences_add_up_are_refused(tmp_path) -> None:
    """The middle slice of these would lie a quarter of a step beside its place."""
    heights = np.cumsum([0.0] + [0.625] * 50 + [0.632] * 50)
    write_series(tmp_path, np.zeros((101, 4, 4), np.uint16), heights=heights.tolist())
    with pytest.raises(ReadError, match=r"0\.625 to 0\.632 mm: .* would lie 0\.1[78] mm beside its place"):
        read_volume(tmp_path)


def test_a_tilted_gantry_shears_the_affine(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        dataset(plane, (0.0, 0.5 * index, 2.0 * index)).save_as(tmp_path / f"{index}.dcm")
    volume = read_volume(tmp_path)
    assert volume.affine[:3, 0] == pytest.approx([0, 0.5, 2.0])
    assert any("tilted" in note for note in volume.source.notes)


def test_a_copied_file_is_refused(tmp_path, stored) -> None:
    paths = write_series(tmp_path, stored)
    shutil.copy(paths[1], tmp_path / "copy.dcm")
    with pytest.raises(ReadError, match="same slice twice"):
        read_volume(tmp_path)


def test_two_slices_at_one_position_are_refused(tmp_path, stored) -> None:
    write_series(tmp_path, stored, heights=[0.0, 2.0, 2.0, 4.0, 6.0])
    with pytest.raises(ReadError, match="at one position"):
        read_volume(tmp_path)


def test_time_points_become_an_axis(tmp_path) -> None:
    stored = np.random.default_rng(1).integers(0, 99, (3, 4, 5, 6)).astype(np.uint16)
    for t in range(3):
        elements = {"TemporalPositionIdentifier": t + 1, "RescaleIntercept": 0}
        write_series(tmp_path, stored[t], names=[f"{z}_{9 - t}.dcm" for z in range(4)], **elements)
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, stored)
    assert volume.spacing == pytest.approx((2.0, 0.8, 0.7))


def test_an_incomplete_time_point_is_refused(tmp_path, stored) -> None:
    for t in range(2):
        write_series(tmp_path, stored, names=[f"{z}_{t}.dcm" for z in range(5)], TemporalPositionIdentifier=t + 1)
    (tmp_path / "4_1.dcm").unlink()
    with pytest.raises(ReadError, match="time points are incomplete"):
        read_volume(tmp_path)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("end", [0, 4])
def test_a_truncated_slice_at_an_end_is_left_out_by_name(tmp_path, stored, end, lazy) -> None:
    paths = write_series(tmp_path, stored)
    paths[end].write_bytes(paths[end].read_bytes()[:-20])
    volume = read_volume(tmp_path, lazy=lazy)
    assert volume.shape == (4, 6, 7)
    assert [name for name, _ in volume.source.skipped] == [paths[end].name]
    assert any("missing" in note for note in volume.source.notes)


def test_a_truncated_slice_in_the_middle_is_a_gap(tmp_path, stored) -> None:
    paths = write_series(tmp_path, stored)
    paths[2].write_bytes(paths[2].read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"missing(.|\n)*002\.dcm was left out"):
        read_volume(tmp_path)


def test_a_truncated_file_alone_is_refused_by_name(tmp_path, stored) -> None:
    path = write_series(tmp_path, stored)[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"000\.dcm cannot be read"):
        read_volume(path)


def test_slices_without_a_position_are_refused_but_one_is_shown(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        dataset(plane, None, PixelSpacing=None).save_as(tmp_path / f"{index}.dcm")
    with pytest.raises(ReadError, match="no position"):
        read_volume(tmp_path)
    volume = read_volume(tmp_path / "0.dcm")
    assert volume.units is None
    assert volume.spacing == (1.0, 1.0)


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path, stored) -> None:
    dataset(stored[0], NumberOfFrames=2_000_000).save_as(tmp_path / "a.dcm")
    with pytest.raises(ReadError, match="promises"):
        read_volume(tmp_path / "a.dcm")


def test_a_colour_series_has_a_last_axis_of_colours(tmp_path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (4, 6, 7, 3)).astype(np.uint8)
    for z, picture in enumerate(colours):
        ds = dataset(picture[..., 0], (0, 0, 3.0 * z), SamplesPerPixel=3, PhotometricInterpretation="RGB")
        ds.PlanarConfiguration, ds.PixelData = 0, picture.tobytes()
        ds.save_as(tmp_path / f"{z}.dcm")
    for lazy in (False, True):
        volume = read_volume(tmp_path, lazy=lazy)
        assert (volume.axes, volume.spacing[0]) == ("zyxc", 3.0)
        assert volume.array.dtype == np.uint8
        assert np.array_equal(volume.array[2:], colours[2:])
        assert np.array_equal(np.asarray(volume.array), colours)


def test_labels_of_a_series_lie_where_the_series_lies(tmp_path, stored) -> None:
    import nibabel as nib

    write_series(tmp_path / "ct", stored)
    volume = read_volume(tmp_path / "ct")
    labels = np.zeros(volume.shape, np.uint16)
    labels[1, 2, 3] = 300
    write_labels(tmp_path / "a.nii.gz", labels, volume)
    image = nib.load(tmp_path / "a.nii.gz")
    index = np.argwhere(np.asarray(image.dataobj) == 300)[0]
    lps = volume.affine @ [1, 2, 3, 1]
    assert image.affine @ [*index, 1] == pytest.approx([-lps[0], -lps[1], lps[2], 1], abs=1e-4)
    assert int(image.header["sform_code"]) == 1
    assert int(image.header["qform_code"]) == 1
