"""Sets of OME-TIFF files, by their metadata."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels
from napari_sam2.io.formats import OME_XML_SUFFIX, TIFF
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


@pytest.mark.parametrize("suffix", [s for s in TIFF.suffixes if s != OME_XML_SUFFIX])
def test_metadata_in_a_tiff_of_every_suffix_are_found(tmp_path, suffix) -> None:
    names = [f"master.ome{suffix}", *NAMES[1:]]
    own = f'<BinaryOnly MetadataFile="{names[0]}" UUID="{uuid(0)}"/>'
    save(tmp_path / names[0], STACK[0], ome(image(planes(names)), uuid(0)))
    paths = [save(tmp_path / n, STACK[k], ome(own, uuid(k))) for k, n in enumerate(names) if k]
    assert np.array_equal(read_volume(paths[0]).array, STACK)
    assert np.array_equal(read_volume(tmp_path / names[0]).array, STACK)
