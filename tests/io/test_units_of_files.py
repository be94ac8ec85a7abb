"""Units and signs of headers, in every format: spacing in the unit, the affine in millimetres."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile

from napari_sam2.core.units import millimetres_per_unit
from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_labels, read_volume, write_labels
from support.ome import STACK, image, ome, save
from support.zarr import DATA, write_store

LENGTHS = [("nm", 1e-6), ("um", 1e-3), ("mm", 1.0), ("cm", 10.0), ("m", 1e3), ("inch", 25.4), ("angstrom", 1e-7)]


def millimetres(volume: ImageVolume) -> list[float]:
    """Steps along z, y and x, which the affine must have too."""
    factor = millimetres_per_unit(volume.units)
    assert factor is not None
    steps = [volume.spacing_of(a) * factor for a in "zyx"]
    assert np.linalg.norm(volume.affine[:3, :3], axis=0) == pytest.approx(steps)
    return steps


def notes(volume: ImageVolume) -> str:
    return " ".join(volume.source.notes)


# ---------------------------------------------------------------------- TIFF


def imagej(tmp_path, lines: str, resolution: tuple[float, float] = (4, 4)) -> ImageVolume:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for k, plane in enumerate(STACK):
            text = f"ImageJ=1.53t\nimages=4\nslices=4\n{lines}" if k == 0 else None
            options = {"metadata": None, "contiguous": False, "resolution": resolution, "resolutionunit": 1}
            writer.write(plane, description=text, **options)
    return read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize(("unit", "factor"), [*LENGTHS, ("\\u00B5m", 1e-3), ("micron", 1e-3), ("\\u00C5", 1e-7)])
def test_imagej_in_every_unit(tmp_path, unit, factor) -> None:
    volume = imagej(tmp_path, f"unit={unit}\nspacing=-3.0\n", (4, 5))
    assert millimetres(volume) == pytest.approx([3 * factor, 0.2 * factor, 0.25 * factor])
    assert "negative" in notes(volume)


def test_imagej_with_a_unit_for_each_axis(tmp_path) -> None:
    volume = imagej(tmp_path, "unit=um\nyunit=nm\nzunit=mm\nspacing=0.5\n", (4, 0.01))
    assert millimetres(volume) == pytest.approx([0.5, 100e-6, 0.25e-3])
    assert volume.units == "micrometer"


@pytest.mark.parametrize("lines", ["unit=pixel\n", "unit=parsec\n", "", "unit=um\nzunit=pixel\n"])
def test_imagej_without_a_known_unit_keeps_the_proportion(tmp_path, lines) -> None:
    volume = imagej(tmp_path, lines + "spacing=3.0\n")
    assert volume.units is None
    assert volume.spacing == pytest.approx((3.0, 0.25, 0.25))
    assert "proportions only" in notes(volume)


@pytest.mark.parametrize(("unit", "seconds"), [("sec", 2.0), ("ms", 0.002), ("min", 120.0), ("pixel", None)])
def test_the_unit_of_time_of_imagej(tmp_path, unit, seconds) -> None:
    metadata = {"axes": "TYX", "unit": "um", "finterval": 2.0, "tunit": unit}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, resolution=(2, 2), metadata=metadata)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.has_frame_interval == (seconds is not None)
    assert volume.spacing_of("t") == pytest.approx(seconds or 1.0)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ('PhysicalSizeX="2" PhysicalSizeXUnit="Å" PhysicalSizeY="3" PhysicalSizeYUnit="nm" PhysicalSizeZ="-4"',
         [4e-3, 3e-6, 2e-7]),
        ('PhysicalSizeX="0.1" PhysicalSizeXUnit="in" PhysicalSizeZ="1" PhysicalSizeZUnit="mm"', [1.0, 2.54, 2.54]),
        ('PhysicalSizeX="5" PhysicalSizeXUnit="cm" PhysicalSizeY="1" PhysicalSizeYUnit="m" PhysicalSizeZ="7" '
         'PhysicalSizeZUnit="pm"', [7e-9, 1e3, 50.0]),
    ],
)  # fmt: skip
def test_ome_with_a_unit_for_each_axis(tmp_path, sizes, expected) -> None:
    volume = read_volume(save(tmp_path / "a.ome.tif", STACK, ome(image("<TiffData/>", sizes=sizes))))
    assert millimetres(volume) == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_ome_in_pixels_keeps_the_proportion(tmp_path, unit) -> None:
    sizes = " ".join(f'PhysicalSize{a}="{s}" PhysicalSize{a}Unit="{unit}"' for a, s in (("X", 2), ("Y", 2), ("Z", 6)))
    volume = read_volume(save(tmp_path / "a.ome.tif", STACK, ome(image("<TiffData/>", sizes=sizes))))
    assert (volume.units, volume.spacing) == (None, (6.0, 2.0, 2.0))
    assert f"{unit!r} is no known length" in notes(volume)


def test_a_depth_alone_has_no_unit_that_the_others_share(tmp_path) -> None:
    volume = read_volume(save(tmp_path / "a.ome.tif", STACK, ome(image("<TiffData/>", sizes='PhysicalSizeZ="3"'))))
    assert (volume.units, volume.spacing) == (None, (3.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("resolution", "unit", "step", "words"),
    [
        ((20_000, 20_000), 3, 5e-4, "20000 pixels per cm"),
        ((254, 127), 2, 0.1, "254 pixels per inch"),
        ((72, 72), 2, None, "that of a screen"),
        ((96, 96), 2, None, "that of a screen"),
        ((37.795, 37.795), 3, None, "that of a screen"),
        ((1, 1), 2, None, "no physical spacing"),
        ((5, 5), 1, None, "no physical spacing"),
    ],
)
def test_the_resolution_of_a_plain_tiff(tmp_path, resolution, unit, step, words) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", resolution=resolution, resolutionunit=unit)
    volume = read_volume(tmp_path / "a.tif")
    assert words in notes(volume)
    if step is None:
        assert (volume.units, volume.spacing) == (None, (1.0, 1.0, 1.0))
    else:
        ratio = resolution[0] / resolution[1]
        assert millimetres(volume) == pytest.approx([step, step * ratio, step])


def test_the_shape_of_a_pixel_without_a_unit(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], resolution=(2, 1), resolutionunit=1)
    volume = read_volume(tmp_path / "a.tif")
    assert (volume.units, volume.spacing) == (None, (2.0, 1.0))


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
