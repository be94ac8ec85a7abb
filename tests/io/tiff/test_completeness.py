"""Images in several TIFF files, and files that lack a part of their image: whole, or an error that says what."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.micromanager import write_stack
from support.ome import STACK, image, ome, save, write_set


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cut_file_of_a_set_is_named(tmp_path, compression) -> None:
    paths = write_set(tmp_path, compression)
    paths[2].write_bytes(paths[2].read_bytes()[:-60])
    with pytest.raises(ReadError, match=r"z2\.ome\.tif ends before"):
        read_volume(paths[0])


def test_fewer_planes_than_announced_are_an_error_and_more_are_told(tmp_path) -> None:
    one_by_one = "".join(f'<TiffData FirstZ="{k}" IFD="{k}" PlaneCount="1"/>' for k in range(4))
    for text in ("<TiffData/>", one_by_one):
        path = save(tmp_path / "a.ome.tif", STACK[:3], ome(image(text)))
        with pytest.raises(ReadError, match=r"1 of the 4 planes that it announces are missing"):
            read_volume(path)
    volume = read_volume(save(tmp_path / "a.ome.tif", STACK, ome(image("<TiffData/>", size_z=2))))
    assert np.array_equal(volume.array, STACK[:2])
    assert "holds 4 planes, of which its metadata name 2" in " ".join(volume.source.notes)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("text", ["ImageJ=1.53t\nimages=9\nslices=9\n", json.dumps({"shape": [9, 12, 14]})])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_description_of_more_planes_than_there_are(tmp_path, count, text, compression) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for k in range(count):
            description = text if k == 0 else None
            writer.write(STACK[k], description=description, metadata=None, contiguous=False, compression=compression)
    with pytest.raises(ReadError, match=r"a\.tif is (damaged|incomplete)"):
        read_volume(tmp_path / "a.tif")


def test_a_description_of_fewer_planes_than_there_are(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for k, plane in enumerate(STACK):
            text = "ImageJ=1.53t\nimages=2\nslices=2\n" if k == 0 else None
            writer.write(plane, description=text, metadata=None, contiguous=False)
    volume = read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.array, STACK)
    assert "its 4 pages were read" in " ".join(volume.source.notes)


def test_a_small_copy_in_front_of_the_image_is_not_the_image(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0][::4, ::4], subfiletype=1, metadata=None)
    tifffile.imwrite(tmp_path / "a.tif", STACK[1], append=True, metadata=None)
    volume = read_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.array, STACK[1])
    assert "the second of 2 series" in " ".join(volume.source.notes)


# ---------------------------------------------------------------------- folders of numbered files


# ---------------------------------------------------------------------- Micro-Manager

PLANES = np.random.default_rng(1).integers(1, 500, (6, 8, 10)).astype(np.uint16)
PLACES = [(0, z, t, 0) for t in range(2) for z in range(3)]


def test_a_stack_of_micro_manager_in_one_and_in_two_files(tmp_path) -> None:
    path = write_stack(tmp_path / "x_MMStack.ome.tif", PLANES, PLACES)
    whole = read_volume(path)
    assert (whole.axes, whole.spacing, whole.units) == ("tzyx", (3.0, 2.0, 0.5, 0.5), "micrometer")
    assert np.array_equal(whole.array, PLANES.reshape(2, 3, 8, 10))
    write_stack(path, PLANES[:3], PLACES[:3])
    part = read_volume(path)
    assert np.array_equal(part.array, PLANES[:3])
    assert "the file holds 1 of 2 time points of its set" in " ".join(part.source.notes)
    other = write_stack(tmp_path / "x_MMStack_1.ome.tif", PLANES[3:], PLACES[3:])
    for each in (path, other):
        assert np.array_equal(read_volume(each).array, whole.array)


def test_a_plane_that_micro_manager_did_not_write_is_no_black_slice(tmp_path) -> None:
    with pytest.raises(ReadError, match="1 of the 6 planes that it announces are missing"):
        read_volume(write_stack(tmp_path / "x_MMStack.ome.tif", PLANES[:5], PLACES[:5]))


def test_of_several_positions_that_of_the_file_opens(tmp_path) -> None:
    for position in range(2):
        places = [(0, z, 0, position) for z in range(3)]
        planes = PLANES[3 * position : 3 * position + 3]
        write_stack(tmp_path / f"x_MMStack_Pos{position}.ome.tif", planes, places, Positions=2, Frames=1)
    for position in range(2):
        volume = read_volume(tmp_path / f"x_MMStack_Pos{position}.ome.tif")
        assert np.array_equal(volume.array, PLANES[3 * position : 3 * position + 3])
        assert f"position {position + 1} of 2 was read" in volume.source.notes
