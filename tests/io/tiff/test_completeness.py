"""Images in several TIFF files, and files that lack a part of their image: whole, or an error that says what."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels
from napari_sam2.io.formats import OME_XML_SUFFIX, TIFF
from support.micromanager import write_stack
from support.ome import NAMES, STACK, image, ome, planes, save, uuid, write_set


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("name", NAMES)
def test_any_file_of_a_set_opens_the_whole(tmp_path, compression, name) -> None:
    write_set(tmp_path, compression)
    volume = read_volume(tmp_path / name)
    assert np.array_equal(volume.array, STACK)
    assert (volume.axes, volume.spacing, volume.units) == ("zyx", (2.0, 0.5, 0.5), "micrometer")
    assert {p.name for p in volume.source.paths} == set(NAMES)
    with pytest.raises(WriteError, match="is the image itself"):
        write_labels(tmp_path / NAMES[3], STACK, volume)
    assert np.array_equal(read_labels(tmp_path / name, volume), STACK)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_missing_file_is_named(tmp_path, compression) -> None:
    paths = write_set(tmp_path, compression)
    paths[2].unlink()
    with pytest.raises(ReadError, match=r"z2\.ome\.tif is missing") as caught:
        read_volume(paths[0])
    assert "z2.ome.tif" in caught.value.headline
    paths[1].unlink()
    with pytest.raises(ReadError, match=r"one of 4 files .* z1\.ome\.tif and 1 more are missing"):
        read_volume(paths[0])


def test_sets_with_one_identifier_and_moved_sets_open(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    assert np.array_equal(read_volume(write_set(tmp_path / "a", same=True)[2]).array, STACK)
    (tmp_path / "b").mkdir()
    text = image(planes([f"C:\\scope\\{n}" for n in NAMES]))
    for k, name in enumerate(NAMES):
        save(tmp_path / "b" / name, STACK[k], ome(text, uuid(k)))
    assert np.array_equal(read_volume(tmp_path / "b" / NAMES[1]).array, STACK)


def test_a_renamed_file_finds_itself(tmp_path) -> None:
    paths = write_set(tmp_path)
    paths[1].rename(tmp_path / "other name.ome.tif")
    assert np.array_equal(read_volume(tmp_path / "other name.ome.tif").array, STACK)
    text = "".join(
        f'<TiffData FirstZ="{k}" IFD="{k}" PlaneCount="1"><UUID FileName="gone.ome.tif">{uuid(7)}</UUID></TiffData>'
        for k in range(4)
    )
    for own in (None, uuid(7)):
        path = save(tmp_path / "single.ome.tif", STACK, ome(image(text), own))
        assert np.array_equal(read_volume(path).array, STACK)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no image", r"z2\.ome\.tif, which holds a part of the image, is damaged"),
        (STACK[2][:6], r"z2\.ome\.tif are \(6, 14\) uint16, the others \(12, 14\) uint16"),
        (STACK[2].astype(np.uint8), r"z2\.ome\.tif are \(12, 14\) uint8"),
    ],
)
def test_a_file_that_does_not_fit_its_set_is_named(tmp_path, content, words) -> None:
    paths = write_set(tmp_path)
    if isinstance(content, bytes):
        paths[2].write_bytes(content)
    else:
        save(paths[2], content, ome(image(planes(NAMES)), uuid(2)))
    with pytest.raises(ReadError, match=words):
        read_volume(paths[0])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cut_file_of_a_set_is_named(tmp_path, compression) -> None:
    paths = write_set(tmp_path, compression)
    paths[2].write_bytes(paths[2].read_bytes()[:-60])
    with pytest.raises(ReadError, match=r"z2\.ome\.tif ends before"):
        read_volume(paths[0])


def test_metadata_in_another_file_are_found_or_named(tmp_path) -> None:
    own = f'<BinaryOnly MetadataFile="all.companion.ome" UUID="{uuid(9)}"/>'
    paths = [save(tmp_path / n, STACK[k], ome(own, uuid(k))) for k, n in enumerate(NAMES)]
    with pytest.raises(ReadError, match=r"all\.companion\.ome, which is missing") as caught:
        read_volume(paths[0])
    assert "all.companion.ome" in caught.value.headline
    companion = tmp_path / "all.companion.ome"
    companion.write_text(ome(image(planes(NAMES)), uuid(9)))
    for path in (paths[0], paths[2], companion):
        volume = read_volume(path)
        assert np.array_equal(volume.array, STACK)
        assert volume.spacing == (2.0, 0.5, 0.5)
    assert read_volume(companion).name == "all"
    paths[3].unlink()
    with pytest.raises(ReadError, match=r"z3\.ome\.tif is missing"):
        read_volume(paths[0])
    companion.write_text("<OME")
    with pytest.raises(ReadError, match=r"metadata in all\.companion\.ome are damaged"):
        read_volume(paths[0])


@pytest.mark.parametrize("suffix", [s for s in TIFF.suffixes if s != OME_XML_SUFFIX])
def test_metadata_in_a_tiff_of_every_suffix_are_found(tmp_path, suffix) -> None:
    names = [f"master.ome{suffix}", *NAMES[1:]]
    own = f'<BinaryOnly MetadataFile="{names[0]}" UUID="{uuid(0)}"/>'
    save(tmp_path / names[0], STACK[0], ome(image(planes(names)), uuid(0)))
    paths = [save(tmp_path / n, STACK[k], ome(own, uuid(k))) for k, n in enumerate(names) if k]
    assert np.array_equal(read_volume(paths[0]).array, STACK)
    assert np.array_equal(read_volume(tmp_path / names[0]).array, STACK)


def test_metadata_in_the_first_file_of_a_set(tmp_path) -> None:
    master = save(tmp_path / NAMES[0], STACK[0], ome(image(planes(NAMES)), uuid(0)))
    own = f'<BinaryOnly MetadataFile="{NAMES[0]}" UUID="{uuid(0)}"/>'
    for k in (1, 2, 3):
        save(tmp_path / NAMES[k], STACK[k], ome(own, uuid(k)))
    assert np.array_equal(read_volume(tmp_path / NAMES[2]).array, STACK)
    master.unlink()
    with pytest.raises(ReadError, match=rf"{NAMES[0]}, which is missing"):
        read_volume(tmp_path / NAMES[2])


def test_of_several_images_that_of_the_file_opens(tmp_path) -> None:
    content = ""
    for position in range(2):
        text = "".join(
            f'<TiffData FirstZ="{k}" IFD="{k}" PlaneCount="1"><UUID FileName="p{position}.ome.tif">{uuid(position)}'
            "</UUID></TiffData>"
            for k in range(4)
        )
        content += image(text, position)
    for position in range(2):
        save(tmp_path / f"p{position}.ome.tif", STACK + 1000 * position, ome(content, uuid(position)))
    assert np.array_equal(read_volume(tmp_path / "p0.ome.tif").array, STACK)
    # What is missing of the other image does not matter.
    (tmp_path / "p0.ome.tif").unlink()
    volume = read_volume(tmp_path / "p1.ome.tif")
    assert np.array_equal(volume.array, STACK + 1000)
    assert "image 2 of 2 in the file (position 1) was read" in volume.source.notes


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


def write_row(folder, pattern: str, data: np.ndarray = STACK, numbers: range = range(1, 5)) -> None:
    for number, plane in zip(numbers, data, strict=True):
        options = {"resolution": (20_000, 20_000), "resolutionunit": 3}
        tifffile.imwrite(folder / pattern.format(number), plane, photometric="minisblack", metadata=None, **options)


@pytest.mark.parametrize(
    ("pattern", "axes", "numbers"),
    [
        ("brain_{:03d}.tif", "zyx", range(1, 5)),
        ("{}.tiff", "zyx", range(8, 12)),
        ("cells 2024 t{:02d}.tif", "tyx", range(4)),
        ("a_z{:04d}_x20.tif", "zyx", range(0, 40, 10)),
        ("scan-ch{}.tif", "cyx", range(1, 5)),
    ],
)
def test_a_folder_of_numbered_files_is_one_image(tmp_path, pattern, axes, numbers) -> None:
    write_row(tmp_path, pattern, numbers=numbers)
    (tmp_path / "notes.txt").write_text("hello")
    volume = read_volume(tmp_path)
    assert volume.axes == axes
    assert np.array_equal(volume.array, STACK)
    assert volume.spacing_of("x") == pytest.approx(5e-5)
    assert volume.units == "cm"
    assert len(volume.source.paths) == 4
    write_labels(tmp_path.parent / "l.nii.gz", np.zeros(volume.label_shape, np.uint8), volume)


def test_a_missing_file_of_a_row_is_named(tmp_path) -> None:
    write_row(tmp_path, "brain_{:03d}.tif")
    (tmp_path / "brain_003.tif").unlink()
    with pytest.raises(ReadError, match=r"brain_003\.tif is missing") as caught:
        read_volume(tmp_path)
    assert "brain_003.tif" in caught.value.headline


def test_two_numbers_are_two_axes(tmp_path) -> None:
    for time in range(2):
        write_row(tmp_path, f"a_t{time}_z{{:02d}}.tif", STACK + 1000 * time)
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, [STACK, STACK + 1000])
    (tmp_path / "a_t1_z02.tif").unlink()
    with pytest.raises(ReadError, match=r"a_t1_z02\.tif is missing"):
        read_volume(tmp_path)


def test_a_row_of_stacks_is_a_time_lapse(tmp_path) -> None:
    for number in range(3):
        tifffile.imwrite(tmp_path / f"day{number}.tif", STACK + number, imagej=True, metadata={"axes": "ZYX"})
    volume = read_volume(tmp_path)
    assert volume.axes == "tzyx"
    assert np.array_equal(volume.array, [STACK, STACK + 1, STACK + 2])
    assert "t was assumed" in " ".join(volume.source.notes)


def test_files_that_are_no_row_are_refused_by_name(tmp_path) -> None:
    write_row(tmp_path, "brain_{:03d}.tif")
    tifffile.imwrite(tmp_path / "brain_005.tif", STACK[0][:6])
    with pytest.raises(ReadError, match=r"brain_005\.tif does not belong to the row"):
        read_volume(tmp_path)
    tifffile.imwrite(tmp_path / "overview.tif", STACK[0])
    with pytest.raises(ReadError, match=r"are not numbered alike(.|\n)*brain_001\.tif"):
        read_volume(tmp_path)


def test_a_folder_of_one_set_or_one_file_is_that_image(tmp_path) -> None:
    write_set(tmp_path)
    assert read_volume(tmp_path).spacing == (2.0, 0.5, 0.5)
    (tmp_path / "one").mkdir()
    tifffile.imwrite(tmp_path / "one" / "a.tif", STACK[0])
    assert read_volume(tmp_path / "one").axes == "yx"


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
