"""NIfTI: orientation, values, labels back on the file's own grid, and damaged files."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels
from support.nifti import LPS, SHAPE, affine_of, oblique, save_nifti

if TYPE_CHECKING:
    pass

ORIENTATIONS = [
    "".join(signs) for axes in itertools.permutations(("LR", "PA", "IS")) for signs in itertools.product(*axes)
]


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_orientation_is_turned_to_lps_and_back(tmp_path, data, codes) -> None:
    path = save_nifti(tmp_path / "a.nii", data, affine_of(codes))
    volume = read_volume(path)
    assert volume.axes == "zyx"
    assert volume.spacing == pytest.approx((3.0, 2.0, 1.0))
    # Turned to LPS: x to the left, y to the back, z up; slice 0 is the lowest.
    assert volume.affine[:3, :3] == pytest.approx(np.array([[0, 0, 1], [0, 2, 0], [3, 0, 0]]))
    ijk = np.array([1, 3, 2])
    lps = LPS @ affine_of(codes) @ [*ijk, 1]
    z, y, x = np.rint(np.linalg.solve(volume.affine, lps)[:3]).astype(int)
    assert volume.array[z, y, x] == data[tuple(ijk)]

    labels = np.random.default_rng(6).integers(0, 400, volume.shape).astype(np.uint16)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    written = nib.load(tmp_path / "l.nii.gz")
    assert written.shape == data.shape
    assert np.array_equal(written.affine, nib.load(path).affine)
    assert int(written.dataobj[tuple(ijk)]) == labels[z, y, x]
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)


def test_an_oblique_affine_goes_back_bit_for_bit(tmp_path, data) -> None:
    path = save_nifti(tmp_path / "a.nii.gz", data, oblique(), sform_code=1, qform_code=1, descrip=b"scan")
    volume = read_volume(path)
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    write_labels(tmp_path / "l.nii", (volume.array > 0).astype(np.uint8), volume)
    one, two = nib.load(path).header, nib.load(tmp_path / "l.nii").header
    for key in ("srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y"):
        assert one[key].tobytes() == two[key].tobytes()
    for key in ("sform_code", "qform_code", "xyzt_units", "pixdim"):
        assert np.array_equal(one[key], two[key])
    assert two.get_slope_inter() == (None, None)
    assert np.array_equal(np.asarray(nib.load(tmp_path / "l.nii").dataobj), data > 0)


def test_the_sform_counts_where_the_two_forms_differ(tmp_path, data) -> None:
    image = nib.Nifti1Image(data, oblique())
    image.set_qform(affine_of("LPS"), code=1)
    image.set_sform(oblique(), code=1)
    image.header.set_xyzt_units("mm")
    image.to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    theirs = nib.load(tmp_path / "a.nii")
    assert "sform and qform disagree" in " ".join(volume.source.notes)
    assert volume.affine[:, [2, 1, 0, 3]] == pytest.approx(LPS @ theirs.get_sform() @ _flips(theirs, volume), abs=1e-5)
    write_labels(tmp_path / "l.nii", np.ones(volume.shape, np.uint8), volume)
    again = nib.load(tmp_path / "l.nii")
    assert np.array_equal(again.get_sform(), theirs.get_sform())
    assert np.array_equal(again.get_qform(), theirs.get_qform())


def _flips(image: nib.Nifti1Image, volume: ImageVolume) -> np.ndarray:
    """The turn from the file's index to the volume's (x, y, z)."""
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("LPS"))
    return nib.orientations.inv_ornt_aff(turn, image.shape)


def test_a_sheared_affine_switches_the_qform_off(tmp_path) -> None:
    affine = np.zeros((4, 4))
    affine[:3, 0], affine[1, 1], affine[0, 2], affine[3, 3] = (0, 1.0, 3.0), 1, 1, 1
    volume = ImageVolume(np.zeros(SHAPE), units="mm", affine=affine)
    write_labels(tmp_path / "a.nii", np.ones(SHAPE, np.uint8), volume)
    header = nib.load(tmp_path / "a.nii").header
    assert int(header["qform_code"]) == 0
    assert int(header["sform_code"]) > 0
    assert read_labels(tmp_path / "a.nii", volume).all()


def test_micrometres_become_millimetres_and_come_back(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE), spacing=(2.0, 0.2, 0.3), units="micrometer")
    labels = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint8)
    write_labels(tmp_path / "a.nii", labels, volume)
    assert nib.load(tmp_path / "a.nii").header.get_zooms() == pytest.approx((0.3e-3, 0.2e-3, 2e-3))
    assert np.array_equal(read_labels(tmp_path / "a.nii", volume), labels)
    assert read_volume(tmp_path / "a.nii").spacing == pytest.approx((2e-3, 0.2e-3, 0.3e-3))


def test_whole_rescale_keeps_integers_and_others_make_floats(tmp_path, data) -> None:
    for slope, intercept, dtype in ((1, -1024, np.int16), (0.5, 3, np.float32)):
        path = save_nifti(tmp_path / "a.nii", data, affine_of("LPS"))
        # nibabel drops a slope on writing; it is put into the file's bytes instead.
        raw = bytearray(path.read_bytes())
        raw[112:120] = np.array([slope, intercept], "<f4").tobytes()
        path.write_bytes(bytes(raw))
        volume = read_volume(path)
        assert volume.array.dtype == dtype
        assert np.array_equal(volume.array, data.transpose().astype(float) * slope + intercept)


def test_time_comes_first_with_its_interval(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 9, (4, 5, 6, 3)).astype(np.int16)
    image = nib.Nifti1Image(data, affine_of("LPS"))
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 1500
    image.to_filename(tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.axes == "tzyx"
    assert volume.spacing == pytest.approx((1.5, 3, 2, 1))
    assert np.array_equal(volume.array, data.transpose())


@pytest.mark.parametrize(
    ("unit", "fields", "beside", "is_time"),
    [
        (None, {}, "", False),
        ("hz", {}, "", False),
        (None, {"pixdim": 2.5}, "", False),
        ("sec", {}, "", True),
        ("usec", {}, "", True),
        (None, {"intent_code": 2001}, "", True),
        (None, {"toffset": 3.0}, "", True),
        (None, {"slice_duration": 0.08}, "", True),
        ("sec", {"intent_code": 1007}, "", False),
        ("sec", {}, "a.bval", False),
    ],
)
def test_a_fourth_axis_is_time_where_the_header_says_so(tmp_path, unit, fields, beside, is_time) -> None:
    data = np.random.default_rng(0).integers(0, 9, (4, 5, 6, 3)).astype(np.int16)
    image = nib.Nifti1Image(data, affine_of("LPS"))
    image.header.set_xyzt_units("mm", unit)
    for field, value in fields.items():
        if field == "pixdim":
            image.header["pixdim"][4] = value
        else:
            image.header[field] = value
    image.to_filename(tmp_path / "a.nii")
    if beside:
        (tmp_path / beside).write_text("0 1000 1000")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.axes == "tzyx"
    assert volume.is_time_declared == is_time
    assert any("fourth axis (3 long)" in note for note in volume.source.notes) != is_time
    assert FrameGrid.of(volume, at={"z" if is_time else "t": 0}).frame_axis == ("t" if is_time else "z")


def test_big_endian_becomes_native(tmp_path, data) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.Nifti1Image(data, affine_of("LPS"), header).to_filename(tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").get_data_dtype() == np.dtype(">i2")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.array.dtype == np.dtype("=i2")
    assert np.array_equal(volume.array, data.transpose())


@pytest.mark.parametrize("cut", [30, 4, 1000])
def test_a_cut_gz_is_damaged(tmp_path, data, cut) -> None:
    path = save_nifti(
        tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16), None
    )
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ReadError, match="damaged") as caught:
        read_volume(path)
    assert str(path) in caught.value.headline


def test_a_flipped_byte_in_a_gz_is_noticed(tmp_path) -> None:
    path = save_nifti(
        tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16), None
    )
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 0xFF  # in the checksum at the very end
    path.write_bytes(bytes(raw))
    with pytest.raises(ReadError, match="damaged"):
        read_volume(path)


def test_cut_and_foreign_files_are_refused_by_name(tmp_path, data) -> None:
    path = save_nifti(tmp_path / "cut.nii", data, affine_of("RAS"))
    path.write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text.nii").write_text("not an image at all")
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    save_nifti(tmp_path / "complex.nii", data.astype(np.complex64), affine_of("RAS"))
    for name in ("cut.nii", "text.nii", "empty.nii.gz", "complex.nii"):
        with pytest.raises(ReadError, match=name):
            read_volume(tmp_path / name)


def test_a_pair_without_its_other_half_names_it(tmp_path, data) -> None:
    nib.Nifti1Pair(data, affine_of("RAS")).to_filename(tmp_path / "a.img")
    assert read_volume(tmp_path / "a.hdr").shape == read_volume(tmp_path / "a.img").shape
    (tmp_path / "a.img").unlink()
    with pytest.raises(ReadError, match=r"a\.img is missing"):
        read_volume(tmp_path / "a.hdr")


def test_a_failed_write_keeps_the_old_file(tmp_path, data, monkeypatch) -> None:
    volume = ImageVolume(np.zeros(SHAPE))
    target = tmp_path / "a.nii.gz"
    write_labels(target, np.ones(SHAPE, np.uint8), volume)
    before = target.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match="No space left"):
        write_labels(target, np.zeros(SHAPE, np.uint8), volume)
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]
