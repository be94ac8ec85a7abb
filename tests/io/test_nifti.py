"""NIfTI: orientation, values, labels back on the file's own grid, and damaged files."""

from __future__ import annotations

import gzip
import itertools
import json
import struct
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
import zarr

from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels

if TYPE_CHECKING:
    from pathlib import Path

ORIENTATIONS = [
    "".join(signs) for axes in itertools.permutations(("LR", "PA", "IS")) for signs in itertools.product(*axes)
]
SHAPE = (4, 5, 6)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def _affine(codes: str) -> np.ndarray:
    """An index → RAS affine with the given axis codes, 1, 2 and 3 mm along x, y and z."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, code in enumerate(codes):
        axis, sign = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}[code]
        affine[axis, column] = sign * (axis + 1.0)
    affine[:3, 3] = (11, -7, 3)
    return affine


def _oblique() -> np.ndarray:
    a, b = np.radians(20), np.radians(-12)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z @ np.diag([-0.7, 0.8, -2.5])
    affine[:3, 3] = (50, -60, 70)
    return affine


def _save(path: Path, data: np.ndarray, affine: np.ndarray | None, **header: object) -> Path:
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    for key, value in header.items():
        image.header[key] = value
    image.to_filename(path)
    return path


@pytest.fixture
def data() -> np.ndarray:
    return np.random.default_rng(5).integers(-500, 500, SHAPE).astype(np.int16)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_orientation_is_turned_to_lps_and_back(tmp_path, data, codes) -> None:
    path = _save(tmp_path / "a.nii", data, _affine(codes))
    volume = read_volume(path)
    assert volume.axes == "zyx"
    assert volume.spacing == pytest.approx((3.0, 2.0, 1.0))
    # Turned to LPS: x to the left, y to the back, z up; slice 0 is the lowest.
    assert volume.affine[:3, :3] == pytest.approx(np.array([[0, 0, 1], [0, 2, 0], [3, 0, 0]]))
    ijk = np.array([1, 3, 2])
    lps = LPS @ _affine(codes) @ [*ijk, 1]
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
    path = _save(tmp_path / "a.nii.gz", data, _oblique(), sform_code=1, qform_code=1, descrip=b"scan")
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


def test_labels_written_for_an_affine_alone_lie_where_the_volume_lies(tmp_path) -> None:
    affine = LPS @ _oblique() @ np.eye(4)[[2, 1, 0, 3]]
    volume = ImageVolume(np.zeros(SHAPE, np.uint8), units="mm", affine=affine)
    labels = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
    write_labels(tmp_path / "a.nii.gz", labels, volume)
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.affine == pytest.approx(_oblique(), abs=1e-4)
    assert int(image.header["sform_code"]) > 0
    assert int(image.header["qform_code"]) > 0
    assert np.array_equal(np.asarray(image.dataobj), labels.transpose())
    assert np.array_equal(read_labels(tmp_path / "a.nii.gz", volume), labels)


def test_the_sform_counts_where_the_two_forms_differ(tmp_path, data) -> None:
    image = nib.Nifti1Image(data, _oblique())
    image.set_qform(_affine("LPS"), code=1)
    image.set_sform(_oblique(), code=1)
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


@pytest.mark.parametrize(
    ("axes", "shape"), [("yx", (5, 6)), ("yxz", (5, 6, 4)), ("tyx", (3, 5, 6)), ("tzyx", (3, 4, 5, 6))]
)
@pytest.mark.parametrize("suffix", [".nii.gz", ".tif"])
def test_labels_of_other_axes_come_back(tmp_path, axes, shape, suffix) -> None:
    volume = ImageVolume(np.zeros(shape), axes=axes, units="mm")
    labels = np.random.default_rng(0).integers(0, 300, shape).astype(np.uint16)
    write_labels(tmp_path / f"a{suffix}", labels, volume)
    assert np.array_equal(read_labels(tmp_path / f"a{suffix}", volume), labels)


def test_micrometres_become_millimetres_and_come_back(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE), spacing=(2.0, 0.2, 0.3), units="micrometer")
    labels = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint8)
    write_labels(tmp_path / "a.nii", labels, volume)
    assert nib.load(tmp_path / "a.nii").header.get_zooms() == pytest.approx((0.3e-3, 0.2e-3, 2e-3))
    assert np.array_equal(read_labels(tmp_path / "a.nii", volume), labels)
    assert read_volume(tmp_path / "a.nii").spacing == pytest.approx((2e-3, 0.2e-3, 0.3e-3))


def test_labels_in_another_orientation_are_turned_onto_the_volume(tmp_path, data) -> None:
    volume = read_volume(_save(tmp_path / "a.nii", data, _affine("RAS")))
    labels = np.random.default_rng(0).integers(0, 9, volume.shape).astype(np.uint8)
    write_labels(tmp_path / "l.nii", labels, volume)
    image = nib.as_closest_canonical(nib.load(tmp_path / "l.nii")).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    image.to_filename(tmp_path / "turned.nii")
    assert np.array_equal(read_labels(tmp_path / "turned.nii", volume), labels)


def test_labels_on_another_grid_are_refused(tmp_path, data) -> None:
    volume = read_volume(_save(tmp_path / "a.nii", data, _affine("RAS")))
    moved = _affine("RAS")
    moved[0, 3] += 0.6
    _save(tmp_path / "moved.nii", np.ones(SHAPE, np.uint8), moved)
    with pytest.raises(ReadError, match=r"another grid.*0\.60 voxels"):
        read_labels(tmp_path / "moved.nii", volume)
    _save(tmp_path / "short.nii", np.ones((4, 5, 5), np.uint8), _affine("RAS"))
    with pytest.raises(ReadError, match="another grid"):
        read_labels(tmp_path / "short.nii", volume)
    _save(tmp_path / "image.nii", np.full(SHAPE, 0.5, np.float32), _affine("RAS"))
    with pytest.raises(ReadError, match="no labels"):
        read_labels(tmp_path / "image.nii", volume)


def test_whole_rescale_keeps_integers_and_others_make_floats(tmp_path, data) -> None:
    for slope, intercept, dtype in ((1, -1024, np.int16), (0.5, 3, np.float32)):
        path = _save(tmp_path / "a.nii", data, _affine("LPS"))
        # nibabel drops a slope on writing; it is put into the file's bytes instead.
        raw = bytearray(path.read_bytes())
        raw[112:120] = np.array([slope, intercept], "<f4").tobytes()
        path.write_bytes(bytes(raw))
        volume = read_volume(path)
        assert volume.array.dtype == dtype
        assert np.array_equal(volume.array, data.transpose().astype(float) * slope + intercept)


def test_time_comes_first_with_its_interval(tmp_path) -> None:
    data = np.random.default_rng(0).integers(0, 9, (4, 5, 6, 3)).astype(np.int16)
    image = nib.Nifti1Image(data, _affine("LPS"))
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
    image = nib.Nifti1Image(data, _affine("LPS"))
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


def test_labels_of_a_time_series_say_that_they_are_one(tmp_path) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5, 6)), axes="tzyx", units="mm")
    write_labels(tmp_path / "l.nii.gz", np.ones((3, 4, 5, 6), np.uint8), volume)
    again = read_volume(tmp_path / "l.nii.gz")
    assert (again.is_time_declared, again.has_frame_interval) == (True, False)


def test_big_endian_becomes_native(tmp_path, data) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.Nifti1Image(data, _affine("LPS"), header).to_filename(tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").get_data_dtype() == np.dtype(">i2")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.array.dtype == np.dtype("=i2")
    assert np.array_equal(volume.array, data.transpose())


def test_names_travel_in_the_header(tmp_path) -> None:
    volume = ImageVolume(np.zeros(SHAPE))
    write_labels(tmp_path / "a.nii.gz", np.ones(SHAPE, np.uint8), volume, {1: "liver"})
    extension = nib.load(tmp_path / "a.nii.gz").header.extensions[0]
    content = extension.get_content()
    assert json.loads(content if isinstance(content, str) else content.rstrip(b"\0")) == {"labels": {"1": "liver"}}


@pytest.mark.parametrize("cut", [30, 4, 1000])
def test_a_cut_gz_is_damaged(tmp_path, data, cut) -> None:
    path = _save(tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16), None)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ReadError, match="damaged") as caught:
        read_volume(path)
    assert str(path) in caught.value.headline


def test_a_flipped_byte_in_a_gz_is_noticed(tmp_path) -> None:
    path = _save(tmp_path / "a.nii.gz", np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16), None)
    raw = bytearray(path.read_bytes())
    raw[-6] ^= 0xFF  # in the checksum at the very end
    path.write_bytes(bytes(raw))
    with pytest.raises(ReadError, match="damaged"):
        read_volume(path)


def test_cut_and_foreign_files_are_refused_by_name(tmp_path, data) -> None:
    path = _save(tmp_path / "cut.nii", data, _affine("RAS"))
    path.write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text.nii").write_text("not an image at all")
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    _save(tmp_path / "complex.nii", data.astype(np.complex64), _affine("RAS"))
    for name in ("cut.nii", "text.nii", "empty.nii.gz", "complex.nii"):
        with pytest.raises(ReadError, match=name):
            read_volume(tmp_path / name)


def test_a_pair_without_its_other_half_names_it(tmp_path, data) -> None:
    nib.Nifti1Pair(data, _affine("RAS")).to_filename(tmp_path / "a.img")
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


@pytest.mark.parametrize(
    ("name", "labels", "words"),
    [
        ("a.png", np.ones(SHAPE, np.uint8), r"\.nii\.gz"),
        ("missing/a.nii", np.ones(SHAPE, np.uint8), "does not exist"),
        ("a.nii", np.ones((4, 5), np.uint8), "grid"),
        ("a.nii", np.ones(SHAPE), "whole numbers"),
        ("a.tif", np.full(SHAPE, -1), "negative"),
        ("a.tif", np.full(SHAPE, 2**40), "32 bits"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, labels, words) -> None:
    with pytest.raises(WriteError, match=words) as caught:
        write_labels(tmp_path / name, labels, ImageVolume(np.zeros(SHAPE)))
    assert name in caught.value.headline
    assert list(tmp_path.iterdir()) == []


def _with_fields(path, data, place, forms, fields) -> Path:
    """A file whose header has these values at these bytes: ``{offset: (format, values)}``."""
    image = nib.Nifti1Image(data, place)
    image.set_sform(place, forms[0])
    image.set_qform(place, forms[1])
    image.to_filename(path)
    content = bytearray(path.read_bytes())
    for offset, (form, *values) in fields.items():
        struct.pack_into(f"<{form}", content, offset, *values)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("forms", "fields", "spacing", "note"),
    [
        ((0, 1), {256: ("3f", 0, 0, 1.0000008)}, (3, 2, 1), ""),
        ((0, 1), {256: ("3f", 0, 0, 1.00004)}, (3, 2, 1), ""),
        ((1, 1), {256: ("3f", 0, 9.0, 0)}, (3, 2, 1), ""),
        ((0, 1), {76: ("f", 0.0)}, (3, 2, 1), ""),
        ((0, 1), {84: ("f", -2.0)}, (3, 2, 1), ""),
        ((0, 1), {84: ("f", 0.0)}, (3, 1, 1), "spacing 0 along y"),
        ((1, 1), {84: ("f", 0.0)}, (3, 2, 1), ""),
        ((1, 1), {280: ("f", float("nan"))}, (3, 2, 1), "sform is singular"),
        ((1, 0), {108: ("f", 0.0)}, (3, 2, 1), "352 was taken"),
        ((1, 0), {112: ("2f", 1.0, float("nan"))}, (3, 2, 1), "intercept"),
        ((1, 0), {112: ("2f", float("inf"), 0.0)}, (3, 2, 1), "slope"),
        ((1, 0), {40: ("8h", 4, *SHAPE, 0, 1, 1, 1)}, (3, 2, 1), "no length"),
        ((1, 0), {40: ("8h", 4, *SHAPE, 1, 1, 1, 1)}, (3, 2, 1), ""),
        ((1, 0), {68: ("h", 9999), 123: ("B", 255)}, (3, 2, 1), "no unit of length"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_small_errors_of_a_header_are_put_right(tmp_path, data, forms, fields, spacing, note, suffix) -> None:
    path = _with_fields(tmp_path / "a.nii", data, _affine("LPS"), forms, fields)
    if suffix == ".nii.gz":
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    volume = read_volume(tmp_path / f"a{suffix}")
    assert volume.spacing == pytest.approx(spacing)
    assert np.array_equal(volume.array, data.transpose())
    assert note in " ".join(volume.source.notes)
    labels = (data.transpose() > 0).astype(np.uint8)
    write_labels(tmp_path / "l.nii.gz", labels, volume)
    assert np.array_equal(read_labels(tmp_path / "l.nii.gz", volume), labels)


def test_a_pair_is_put_right_too(tmp_path, data) -> None:
    image = nib.Nifti1Pair(data, _affine("LPS"))
    image.set_sform(None, 0)
    image.set_qform(_affine("LPS"), 1)
    image.to_filename(tmp_path / "a.img")
    content = bytearray((tmp_path / "a.hdr").read_bytes())
    struct.pack_into("<3f", content, 256, 0, 0, 1.0000008)
    (tmp_path / "a.hdr").write_bytes(content)
    for name in ("a.img", "a.hdr"):
        volume = read_volume(tmp_path / name)
        assert volume.spacing == pytest.approx((3, 2, 1))
        assert np.array_equal(volume.array, data.transpose())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({256: ("3f", 0, 1.01, 0)}, "quaternion"),
        ({80: ("f", float("nan"))}, "neither an affine nor a spacing"),
        ({40: ("h", 0)}, "no axes"),
        ({70: ("h", 999)}, "999"),
        ({40: ("8h", 3, 400, 5, 6, 1, 1, 1, 1)}, "before its last voxel"),
        ({344: ("4s", b"what")}, "no NIfTI"),
    ],
)
def test_large_errors_of_a_header_are_sentences(tmp_path, data, fields, words) -> None:
    path = _with_fields(tmp_path / "a.nii", data, _affine("LPS"), (0, 1), fields)
    with pytest.raises(ReadError, match=words) as caught:
        read_volume(path)
    assert str(path) in caught.value.headline
    assert "is whole" not in str(caught.value)


@pytest.mark.parametrize("name", ["l.nii.gz", "l.mha", "l.nrrd", "l.tif", "l.zarr"])
def test_labels_that_are_whole_but_for_rounding_are_rounded(tmp_path, name) -> None:
    volume = ImageVolume(np.zeros((3, 4, 5), np.int16), axes="zyx", units="mm")
    true = np.zeros((3, 4, 5), np.uint16)
    true[1, 1:3], true[2] = 1, 7015
    for factor, offset, fine in ((0.99999994, 0, True), (1, 0.0009, True), (1, 0.4, False)):
        values = (true * factor + offset).astype(np.float32)
        _write_floats(tmp_path / name, values)
        if fine:
            assert np.array_equal(read_labels(tmp_path / name, volume), true)
        else:
            with pytest.raises(ReadError, match="no whole numbers"):
                read_labels(tmp_path / name, volume)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -1.0])
def test_values_that_are_no_labels_stay_errors(tmp_path, value) -> None:
    values = np.zeros((3, 4, 5), np.float32)
    values[0, 0, 0] = value
    _write_floats(tmp_path / "l.nii.gz", values)
    with pytest.raises(ReadError, match="no labels"):
        read_labels(tmp_path / "l.nii.gz", ImageVolume(np.zeros((3, 4, 5), np.int16), axes="zyx", units="mm"))


def _write_floats(path, values) -> None:
    if path.suffix == ".gz":
        nib.Nifti1Image(values.transpose(), np.diag([-1.0, -1.0, 1.0, 1.0])).to_filename(path)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values, photometric="minisblack")
    elif path.suffix == ".zarr":
        group = zarr.open_group(str(path), mode="w", zarr_format=2)
        group.create_array("0", data=values)
        axes = [{"name": a, "type": "space", "unit": "millimeter"} for a in "zyx"]
        scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
