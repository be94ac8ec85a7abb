"""NRRD, MetaImage, FreeSurfer and Analyze: damage, missing halves, and what is refused."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels

DATA = np.random.default_rng(0).integers(0, 30_000, (6, 20, 20)).astype(np.int16)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.9, 0.99])
def test_cut_files_are_refused_by_name(tmp_path, suffix, compressed, part) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(path), useCompression=compressed)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * part)])
    with pytest.raises(ReadError) as caught:
        read_volume(path)
    assert f"a{suffix}" in caught.value.headline


@pytest.mark.parametrize(("suffix", "other"), [(".nhdr", ".raw.gz"), (".mhd", ".zraw")])
def test_a_header_with_its_data_beside_it(tmp_path, suffix, other) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(DATA), str(path), useCompression=True)
    assert np.array_equal(read_volume(path).array, DATA)
    (tmp_path / f"a{other}").unlink()
    with pytest.raises(ReadError, match="data file beside it"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mgz"])
def test_text_is_refused_by_name(tmp_path, suffix) -> None:
    (tmp_path / f"a{suffix}").write_text("not an image at all")
    with pytest.raises(ReadError) as caught:
        read_volume(tmp_path / f"a{suffix}")
    assert f"a{suffix}" in caught.value.headline


def test_complex_values_are_refused(tmp_path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(DATA.astype(np.complex64)), str(tmp_path / "a.nrrd"))
    with pytest.raises(ReadError, match="complex"):
        read_volume(tmp_path / "a.nrrd")


def test_vectors_are_no_labels_and_two_part_files_are_not_written(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)))
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5, 2), np.uint8), isVector=True), str(tmp_path / "v.nrrd"))
    with pytest.raises(ReadError, match="2 values per voxel"):
        read_labels(tmp_path / "v.nrrd", volume)
    with pytest.raises(WriteError, match="suffix"):
        write_labels(tmp_path / "a.mhd", np.zeros((3, 4, 5), np.uint8), volume)


@pytest.mark.parametrize("first", [True, False])
def test_labels_of_vectors_of_one_value_open_again(tmp_path, first) -> None:
    """An axis of vectors has no place in space, and labels have none: they do not take the image's lines."""
    directions = ["(1,0,0)", "(0,2,0)", "(0,0,3)"]
    place, sizes = (0, "1 20 20 6") if first else (3, "20 20 6 1")
    directions.insert(place, "none")
    kinds = ["domain"] * 3
    kinds.insert(place, "list")
    header = f"NRRD0005\ntype: short\ndimension: 4\nspace: left-posterior-superior\nsizes: {sizes}\n"
    header += f"space directions: {' '.join(directions)}\nkinds: {' '.join(kinds)}\nendian: little\nencoding: raw\n"
    header += "space origin: (1,2,3)\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + DATA.astype("<i2").tobytes())
    volume = read_volume(tmp_path / "a.nrrd")
    assert (volume.shape, volume.spacing) == ((6, 20, 20), (3, 2, 1))
    write_labels(tmp_path / "l.nrrd", DATA, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nrrd", volume), DATA)
    assert sitk.ReadImage(str(tmp_path / "l.nrrd")).GetOrigin() == (1, 2, 3)


def test_labels_on_another_grid_are_refused(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5)), units="mm")
    write_labels(tmp_path / "l.nrrd", np.zeros((3, 4, 5), np.uint8), volume)
    moved = ImageVolume(np.zeros((3, 4, 5)), units="mm", spacing=(1.0, 1.0, 1.2))
    with pytest.raises(ReadError, match="another grid"):
        read_labels(tmp_path / "l.nrrd", moved)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, suffix) -> None:
    volume, path = ImageVolume(DATA, units="mm"), tmp_path / f"l{suffix}"
    write_labels(path, DATA, volume)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        write_labels(path, DATA // 2, volume)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_freesurfer_is_read_to_its_end(tmp_path) -> None:
    affine = np.array([[-1, 0, 0, 9], [0, 0, 1.0, -8], [0, -1, 0, 7], [0, 0, 0, 1.0]])
    nib.MGHImage(DATA.astype(np.int32), affine).to_filename(tmp_path / "a.mgz")
    volume = read_volume(tmp_path / "a.mgz")
    assert (volume.axes, volume.units) == ("zyx", "mm")
    assert sorted(np.unique(volume.array)) == sorted(np.unique(DATA))
    raw = bytearray((tmp_path / "a.mgz").read_bytes())
    raw[-6] ^= 0xFF
    (tmp_path / "a.mgz").write_bytes(bytes(raw))
    with pytest.raises(ReadError, match="damaged"):
        read_volume(tmp_path / "a.mgz")
    (tmp_path / "a.mgh").write_bytes(gzip.decompress(gzip.compress(b"x" * 400)))
    with pytest.raises(ReadError, match=r"a\.mgh"):
        read_volume(tmp_path / "a.mgh")


def test_analyze_has_a_spacing_but_no_orientation(tmp_path) -> None:
    image = nib.AnalyzeImage(DATA, None)
    image.header.set_zooms((3, 2, 1))
    image.to_filename(tmp_path / "a.hdr")
    for name in ("a.hdr", "a.img"):
        volume = read_volume(tmp_path / name)
        assert volume.spacing == pytest.approx((1, 2, 3))
        assert "no orientation" in " ".join(volume.source.notes)
        assert volume.array.sum(dtype=np.int64) == DATA.sum(dtype=np.int64)
    labels = (volume.array > 100).astype(np.uint8)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)
