"""Units and signs of headers, in every format: spacing in the unit, the affine in millimetres."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_labels, read_volume, write_labels
from support.lengths import LENGTHS, millimetres, notes
from support.ome import STACK
from support.zarr import DATA, write_store

# ---------------------------------------------------------------------- TIFF


# ---------------------------------------------------------------------- OME-Zarr


@pytest.mark.parametrize(("unit", "factor"), [("nanometer", 1e-6), ("angstrom", 1e-7), ("inch", 25.4), ("foot", 304.8)])
def test_ome_zarr_axis_by_axis(tmp_path, unit, factor) -> None:
    units = {"z": "millimeter", "y": unit, "x": unit}
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[0, 0], "zyx", units=units))
    assert millimetres(volume) == pytest.approx([1.5, 250 * factor, 0.25 * factor])
    assert volume.affine[:3, 3] == pytest.approx([-3 * factor, 1000 * factor, 6.0])


@pytest.mark.parametrize("units", [{"y": "um", "x": "um"}, {"z": "parsec", "y": "um", "x": "um"}])
def test_ome_zarr_with_an_unknown_unit_keeps_the_proportion(tmp_path, units) -> None:
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[0, 0], "zyx", units=units))
    assert (volume.units, volume.spacing) == (None, (1.5, 250.0, 0.25))
    assert "along z; the steps of the axes are proportions only" in notes(volume)


def test_the_unit_of_an_axis_that_is_not_there_does_not_matter(tmp_path) -> None:
    units = {"y": "micrometer", "x": "micrometer"}
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[:1, :1, :1], units=units))
    assert (volume.axes, volume.units) == ("yx", "micrometer")


def test_a_scale_below_zero_is_an_axis_that_runs_backwards(tmp_path) -> None:
    affine = np.array([[0, 0, 0.25, 3], [0, -0.5, 0, 9], [-2.0, 0, 0, 40], [0, 0, 0, 1]])
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm", affine=affine)
    labels = np.random.default_rng(1).integers(0, 9, volume.shape).astype(np.uint8)
    write_labels(tmp_path / "l.zarr", labels, volume)
    again = read_volume(tmp_path / "l.zarr")
    assert again.spacing == (2.0, 0.5, 0.25)
    assert again.affine == pytest.approx(affine)
    assert np.array_equal(read_labels(tmp_path / "l.zarr", volume), labels)


# ---------------------------------------------------------------------- NRRD, MetaImage


def nrrd(tmp_path, lines: str, data: np.ndarray = STACK) -> ImageVolume:
    sizes = " ".join(str(n) for n in reversed(data.shape))
    head = f"NRRD0005\ntype: uint16\ndimension: {data.ndim}\nsizes: {sizes}\nendian: little\nencoding: raw\n{lines}\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + data.tobytes())
    return read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize(("unit", "factor"), LENGTHS)
@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz", ".zarr"])
def test_nrrd_with_a_unit_of_its_space(tmp_path, unit, factor, suffix) -> None:
    volume = nrrd(
        tmp_path,
        "space: left-posterior-superior\nspace directions: (2,0,0) (0,-2,0) (0,0,-5)\nspace origin: (7,8,9)\n"
        f'space units: "{unit}" "{unit}" "{unit}"',
    )
    assert millimetres(volume) == pytest.approx([5 * factor, 2 * factor, 2 * factor])
    # Turned upright: the last slice of the file is the lowest.
    assert volume.affine[:3, 3] == pytest.approx(np.array([7, 8 - 11 * 2, 9 - 3 * 5]) * factor)
    assert np.array_equal(volume.array, STACK[::-1, ::-1])
    labels = np.random.default_rng(1).integers(0, 9, volume.shape).astype(np.uint8)
    write_labels(tmp_path / f"l{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"l{suffix}", volume), labels)
    if suffix != ".zarr":
        assert millimetres(read_volume(tmp_path / f"l{suffix}")) == pytest.approx(millimetres(volume))


def test_nrrd_with_a_unit_for_each_axis_and_time(tmp_path) -> None:
    data = np.stack([STACK, STACK])
    volume = nrrd(
        tmp_path,
        'kinds: domain domain domain time\nspacings: 0.5 -0.5 2000 250\nunits: "um" "um" "nm" "ms"',
        data,
    )
    assert millimetres(volume) == pytest.approx([2e-3, 0.5e-3, 0.5e-3])
    assert volume.spacing_of("t") == pytest.approx(0.25)
    labels = np.random.default_rng(1).integers(0, 9, volume.shape).astype(np.uint8)
    for name in ("l.nrrd", "l.mha"):
        write_labels(tmp_path / name, labels, volume)
        assert np.array_equal(read_labels(tmp_path / name, volume), labels)


def test_nrrd_in_pixels_keeps_the_proportion(tmp_path) -> None:
    volume = nrrd(tmp_path, 'spacings: 1 1 3\nunits: "pixel" "pixel" "pixel"')
    assert (volume.units, volume.spacing) == (None, (3.0, 1.0, 1.0))
    assert "'pixel' is no known length" in notes(volume)


def test_a_fourth_axis_without_a_name_is_told(tmp_path) -> None:
    data = np.stack([STACK, STACK])
    for name in ("a.nrrd", "a.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(data, isVector=False), str(tmp_path / name))
        assert "fourth axis is; time was assumed" in notes(read_volume(tmp_path / name))


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("mm", 1.0), ("cm", 10.0)])
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_metaimage_with_a_unit(tmp_path, unit, factor, suffix) -> None:
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nOffset = 1 2 3\n"
        f"ElementSpacing = 0.5 0.5 -2\nDistanceUnits = {unit}\nDimSize = 14 12 4\nElementType = MET_USHORT\n"
        "ElementDataFile = a.raw\n"
    )
    (tmp_path / "a.mhd").write_text(head)
    (tmp_path / "a.raw").write_bytes(STACK.tobytes())
    volume = read_volume(tmp_path / "a.mhd")
    assert millimetres(volume) == pytest.approx([2 * factor, 0.5 * factor, 0.5 * factor])
    labels = np.random.default_rng(1).integers(0, 9, volume.shape).astype(np.uint8)
    write_labels(tmp_path / f"l{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"l{suffix}", volume), labels)
    assert read_volume(tmp_path / f"l{suffix}").affine == pytest.approx(volume.affine)


# ---------------------------------------------------------------------- NIfTI


@pytest.mark.parametrize(("code", "factor"), [(1, 1e3), (2, 1.0), (3, 1e-3), (3 + 56, 1e-3)])
def test_nifti_in_every_unit(tmp_path, code, factor) -> None:
    image = nib.Nifti1Image(STACK.T, np.diag([-0.5, -0.25, 2.0, 1.0]))
    # The bits of time of the last one mean nothing.
    image.header["xyzt_units"] = code
    nib.save(image, tmp_path / "a.nii.gz")
    assert millimetres(read_volume(tmp_path / "a.nii.gz")) == pytest.approx([2 * factor, 0.25 * factor, 0.5 * factor])


@pytest.mark.parametrize(("code", "seconds"), [(8, 2.5), (16, 2.5e-3), (24, 2.5e-6)])
def test_the_unit_of_time_of_nifti(tmp_path, code, seconds) -> None:
    image = nib.Nifti1Image(np.stack([STACK.T] * 2, -1), np.eye(4))
    image.header["xyzt_units"] = 2 + code
    image.header["pixdim"][4] = 2.5
    nib.save(image, tmp_path / "a.nii.gz")
    assert read_volume(tmp_path / "a.nii.gz").spacing_of("t") == pytest.approx(seconds)


def test_steps_below_zero_in_nifti_are_steps(tmp_path) -> None:
    image = nib.Nifti1Image(STACK.T, None)
    image.header.set_xyzt_units("mm")
    image.header["pixdim"][1:4] = 0.5, 0.5, 2.0
    image.to_filename(tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[76 + 4 : 76 + 16] = np.array([-0.5, 0.5, -2.0], "<f4").tobytes()
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    assert millimetres(read_volume(tmp_path / "a.nii")) == pytest.approx([2.0, 0.5, 0.5])
