"""Units and steps of TIFF files."""

from __future__ import annotations

import pytest
import tifffile

from napari_sam2.core.volume import ImageVolume
from napari_sam2.io import read_volume
from support.lengths import LENGTHS, millimetres, notes
from support.ome import STACK, image, ome, save


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
