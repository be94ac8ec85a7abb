"""DICOM series that the tests write themselves: order, geometry, values, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.errors import ReadError, SeveralSeriesError
from napari_sam2.io import list_series, read_volume, write_labels
from support.dicom import SAGITTAL, dataset, write_series


@pytest.fixture
def stored() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3000, (5, 6, 7)).astype(np.uint16)


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


def test_every_slice_is_rescaled_by_its_own_header(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        ds = dataset(plane, (0, 0, float(index)), RescaleSlope=0.5 + index, RescaleIntercept=index, Modality="PT")
        ds.save_as(tmp_path / f"{index}.dcm")
    volume = read_volume(tmp_path)
    for index, plane in enumerate(stored):
        assert volume.array[index] == pytest.approx(plane * (0.5 + index) + index)
    assert volume.array.dtype == np.float32
    assert not volume.is_hu


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


def test_kinds_of_picture_at_one_position_are_series_of_their_own(tmp_path, stored) -> None:
    write_series(tmp_path, stored, names=[f"a{i}" for i in range(5)], EchoTime=5.0)
    write_series(tmp_path, stored + 1, names=[f"b{i}" for i in range(5)], EchoTime=10.0)
    with pytest.raises(SeveralSeriesError) as caught:
        read_volume(tmp_path)
    assert len(caught.value.series) == 2
    assert read_volume(tmp_path, series=1).array[0, 0, 0] == int(stored[0, 0, 0]) + 1 - 1024


def test_two_series_must_be_chosen_from(tmp_path, stored) -> None:
    write_series(tmp_path / "a", stored)
    write_series(tmp_path / "b", stored[:3], series="1.2.3.5", SeriesDescription="short")
    with pytest.raises(SeveralSeriesError, match="short") as caught:
        read_volume(tmp_path)
    assert "holds 2 series" in caught.value.headline
    assert [s.shape for s in list_series(tmp_path)] == [(5, 6, 7), (3, 6, 7)]
    assert read_volume(tmp_path, series="1.2.3.5").shape == (3, 6, 7)
    assert read_volume(tmp_path, series=0).shape == (5, 6, 7)
    assert read_volume(tmp_path, series="1").shape == (3, 6, 7)
    with pytest.raises(ReadError, match=r"no series '9\.9'"):
        read_volume(tmp_path, series="9.9")


def test_monochrome1_is_inverted_with_its_window_and_padding(tmp_path, stored) -> None:
    elements = {
        "PhotometricInterpretation": "MONOCHROME1",
        "BitsStored": 12,
        "HighBit": 11,
        "RescaleIntercept": 0,
        "WindowCenter": 1000,
        "WindowWidth": 400,
        "PixelPaddingValue": 4095,
    }
    write_series(tmp_path, stored, **elements)
    volume = read_volume(tmp_path)
    assert np.array_equal(volume.array, 4095 - stored)
    assert volume.array.dtype == np.uint16
    assert volume.window == (4095 - 1200, 4095 - 800)
    assert volume.padding_value == 0
    assert not volume.is_hu


def test_monochrome1_with_a_rescale(tmp_path, stored) -> None:
    write_series(tmp_path, stored, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    assert np.array_equal(read_volume(tmp_path).array, 4095 - stored.astype(int) - 1024)


def test_window_and_padding_are_in_output_values(tmp_path, stored) -> None:
    write_series(tmp_path, stored, WindowCenter=[40, 600], WindowWidth=[400, 2800], PixelPaddingValue=0)
    volume = read_volume(tmp_path)
    assert volume.window == (-160, 240)
    assert volume.padding_value == -1024


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


def test_files_that_are_no_slices_are_skipped_by_name(tmp_path, stored) -> None:
    write_series(tmp_path, stored)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    dataset(stored[0], Modality="RTSTRUCT").save_as(tmp_path / "rs.dcm")
    dataset(stored[0], Rows=None).save_as(tmp_path / "norows.dcm")
    dataset(stored[0], SamplesPerPixel=3, PhotometricInterpretation="RGB").save_as(tmp_path / "screen.dcm")
    volume = read_volume(tmp_path)
    reasons = dict(volume.source.skipped)
    assert set(reasons) == {"notes.txt", "rs.dcm", "norows.dcm", "screen.dcm"}
    assert "RTSTRUCT" in reasons["rs.dcm"]
    assert "Rows" in reasons["norows.dcm"]


def test_slices_without_a_position_are_refused_but_one_is_shown(tmp_path, stored) -> None:
    for index, plane in enumerate(stored):
        dataset(plane, None, PixelSpacing=None).save_as(tmp_path / f"{index}.dcm")
    with pytest.raises(ReadError, match="no position"):
        read_volume(tmp_path)
    volume = read_volume(tmp_path / "0.dcm")
    assert volume.units is None
    assert volume.spacing == (1.0, 1.0)


def test_a_mosaic_without_its_private_elements_is_refused_clearly(tmp_path, stored) -> None:
    dataset(stored[0], ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]).save_as(tmp_path / "a.dcm")
    with pytest.raises(ReadError, match="Siemens mosaic whose private elements"):
        read_volume(tmp_path / "a.dcm")


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


def test_a_deflated_bomb_is_refused_before_it_is_parsed(tmp_path, stored) -> None:
    import time
    import zlib

    from pydicom.uid import DeflatedExplicitVRLittleEndian

    # 1.2 GB of zeros after a valid header; read as usual it takes minutes and gigabytes.
    squeezer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    zeros = bytes(2**24)
    body = b"".join(squeezer.compress(zeros) for _ in range(72)) + squeezer.flush()
    ds = dataset(stored[0])
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    raw = (tmp_path / "a.dcm").read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    (tmp_path / "a.dcm").write_bytes(raw[:start] + body)
    began = time.monotonic()
    with pytest.raises(ReadError, match="inflates to more than 1 GiB"):
        read_volume(tmp_path / "a.dcm")
    assert time.monotonic() - began < 30


@pytest.fixture
def big_series(tmp_path) -> tuple[Path, np.ndarray]:
    stored = np.random.default_rng(2).integers(0, 3000, (60, 16, 18)).astype(np.uint16)
    write_series(tmp_path / "ct", stored)
    return tmp_path / "ct", stored.astype(np.int32) - 1024


def test_a_lazy_series_decodes_what_is_looked_at(big_series) -> None:
    folder, values = big_series
    stack = read_volume(folder, lazy=True).array
    assert (stack.shape, stack.ndim, len(stack), stack.size) == (values.shape, 3, 60, values.size)
    assert stack.nbytes == values.size * stack.dtype.itemsize
    assert stack.decoded == 0
    assert np.array_equal(stack[30], values[30])
    assert stack.decoded == 1
    assert np.array_equal(stack[-3:, 2:5, 7], values[-3:, 2:5, 7])
    assert stack.decoded == 4
    assert np.array_equal(stack[[1, 5], ..., 3], values[[1, 5], ..., 3])
    assert stack.decoded == 6
    with pytest.raises(ValueError, match="read-only"):
        stack[3][0, 0] = 1
    progress = list(stack.load())
    assert progress[0] == (8, 60)
    assert progress[-1] == (60, 60)
    assert np.array_equal(np.asarray(stack, dtype=np.float32), values)
    assert np.array_equal(stack[stack[...] > 1000], values[values > 1000])


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("slope", [1, 0.5])
def test_lazily_or_not_the_type_is_the_same(tmp_path, stored, bits, slope) -> None:
    write_series(tmp_path, stored, BitsStored=bits, HighBit=bits - 1, RescaleSlope=slope)
    eager, lazy = read_volume(tmp_path), read_volume(tmp_path, lazy=True)
    assert eager.array.dtype == lazy.array.dtype
    assert np.array_equal(eager.array, np.asarray(lazy.array))


def test_a_lazy_slice_that_cannot_be_decoded_names_its_file(big_series) -> None:
    folder, _ = big_series
    stack = read_volume(folder, lazy=True).array
    path = folder / "007.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"007\.dcm cannot be decoded"):
        stack[7]
    assert stack[8].shape == (16, 18)


def test_a_zipped_folder_opens_like_the_folder(big_series, tmp_path) -> None:
    folder, values = big_series
    (folder / "notes.txt").write_text("hello")
    archive = Path(shutil.make_archive(str(tmp_path / "case"), "zip", folder.parent, "ct"))
    volume = read_volume(archive)
    assert np.array_equal(volume.array, values)
    assert volume.source.skipped == (("ct/notes.txt", "not DICOM"),)
    assert np.array_equal(read_volume(archive, lazy=True).array[3], values[3])
    assert len(list_series(archive)) == 1
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(ReadError, match=r"case\.zip cannot be unpacked"):
        read_volume(archive)


def test_names_in_a_zip_do_not_lead_out_of_its_folder(tmp_path, stored) -> None:
    import zipfile

    path = write_series(tmp_path / "a", stored[:1])[0]
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.write(path, "../../../escaped.dcm")
        archive.write(path, "/absolute.dcm")
    files = [s.path for info in list_series(tmp_path / "evil.zip") for s in info.slices]
    assert len(files) == 2
    assert {f.name for f in files} == {"escaped.dcm", "absolute.dcm"}
    assert len({f.parent for f in files}) == 1
    assert not (tmp_path / "escaped.dcm").exists()
    assert not (tmp_path.parent / "escaped.dcm").exists()


def test_a_dicomdir_opens_the_files_that_it_lists(tmp_path, stored) -> None:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

    names = [f"IM{i}" for i in range(5)]
    write_series(tmp_path / "DATA", stored, names=names)
    write_series(tmp_path / "UNLISTED", stored, series="1.2.3.99")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MediaStorageDirectoryStorage, "1.2.3.5"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    records = []
    for parts in [["DATA", n] for n in names] + [["DATA", "GONE"]]:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", parts
        records.append(record)
    ds.DirectoryRecordSequence = records
    ds.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    volume = read_volume(tmp_path / "DICOMDIR")
    assert np.array_equal(volume.array, stored.astype(np.int32) - 1024)
    assert dict(volume.source.skipped) == {"DATA/GONE": "listed in the DICOMDIR, but not there"}
    # The same length, so that the file stays whole: a name that leads out of the folder is not followed.
    raw = (tmp_path / "DICOMDIR").read_bytes().replace(b"DATA\\IM0", b"..\\..\\IM")
    (tmp_path / "DICOMDIR").write_bytes(raw)
    (reason,) = [r for n, r in read_volume(tmp_path / "DICOMDIR").source.skipped if n.startswith("..")]
    assert reason == "the DICOMDIR points outside its folder"


def test_a_folder_without_images_and_a_missing_path(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("no")
    with pytest.raises(ReadError, match="no DICOM image"):
        read_volume(tmp_path)
    with pytest.raises(ReadError, match="does not exist"):
        read_volume(tmp_path / "nowhere")


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
