"""The sample files: that our own code wrote them, that they are what they say, and that they load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_sam2 import samples
from napari_sam2.errors import ReadError
from napari_sam2.plugin import samples as layers_of
from napari_sam2.samples import SAMPLES, load_sample, sample_path
from tools.phantoms import CT_NAMES, MR_NAMES, make_cells, make_ct, make_mr, write_samples, writing

FOLDER = Path(__file__).parents[1] / "sample_data"


@pytest.fixture(scope="module")
def made():
    """Compute the three phantoms once; each takes seconds."""
    return {"ct_abdomen": make_ct(), "brain_mr": make_mr(), "dividing_cells": make_cells()}


@pytest.fixture
def write(made, monkeypatch):
    monkeypatch.setattr(writing, "make_ct", lambda: made["ct_abdomen"])
    monkeypatch.setattr(writing, "make_mr", lambda: made["brain_mr"])
    monkeypatch.setattr(writing, "make_cells", lambda: made["dividing_cells"])
    return write_samples


def pixels(path):
    if path.suffix == ".dcm":
        import pydicom

        return pydicom.dcmread(path).pixel_array
    if path.suffix == ".gz":
        import nibabel

        return np.asarray(nibabel.load(path).dataobj)
    import tifffile

    return tifffile.imread(path)


def test_stored_files_are_those_that_the_code_writes(write, tmp_path):
    folder, files = tmp_path, write(tmp_path)
    names = {path.relative_to(folder) for path in files}
    stored = {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()}
    assert stored == names | {Path("README.md")}
    for name in sorted(names):
        fresh, kept = folder / name, FOLDER / name
        if name.suffix == ".json":
            assert fresh.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8"), name
            continue
        if fresh.read_bytes() == kept.read_bytes():
            continue
        # Another zlib, tifffile or processor: other bytes, but the same picture but for a rounding.
        one, other = pixels(fresh).astype(np.int64), pixels(kept).astype(np.int64)
        assert one.shape == other.shape, name
        assert np.mean(one != other) < 1e-3, name
        if "labels" not in name.name:
            assert np.abs(one - other).max() <= 1, name


def test_writing_twice_gives_the_same_bytes(write, tmp_path):
    files, again = write(tmp_path / "one"), write(tmp_path / "other")
    assert len(files) == len(again) == 48 + 2 + 3 + 3
    for one, other in zip(files, again, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes(), one.name


def test_computing_twice_gives_the_same_movie(made):
    one, other = made["dividing_cells"], make_cells()
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.labels, other.labels)


def test_the_samples_are_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 6_000_000


def test_organs_have_their_hounsfield_units(made):
    image, labels = made["ct_abdomen"]
    expected = {
        "liver": (95, 120),
        "spleen": (110, 140),
        "right kidney": (155, 195),
        "left kidney": (155, 195),
        "aorta": (185, 215),
        "vertebrae": (200, 350),
        "liver lesion": (50, 80),
        "gallbladder": (0, 30),
    }
    assert set(expected) == set(CT_NAMES.values())
    for value, name in CT_NAMES.items():
        low, high = expected[name]
        assert low < np.median(image[labels == value]) < high, name
    assert -1000 - 40 < np.median(image[:, :10, :10]) < -950
    # Fat, gas and lung are there, though they have no label.
    inside = image[:, 60:130, 40:150]
    assert np.mean((inside > -140) & (inside < -70)) > 0.05
    assert np.mean(inside < -800) > 0.01


def test_the_liver_lies_on_the_patients_right_and_above_the_kidneys(made):
    _, labels = made["ct_abdomen"]
    centre = {name: np.argwhere(labels == value).mean(axis=0) for value, name in CT_NAMES.items()}
    assert centre["liver"][2] < centre["aorta"][2] < centre["spleen"][2]
    assert centre["right kidney"][2] < centre["left kidney"][2]
    assert centre["right kidney"][0] < centre["liver"][0]
    assert centre["liver"][1] < centre["vertebrae"][1]


def test_each_organ_is_mostly_one_piece(made):
    from scipy import ndimage

    _, labels = made["ct_abdomen"]
    for value, name in CT_NAMES.items():
        pieces, _ = ndimage.label(labels == value)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() > 0.95 * sizes.sum(), name


def test_brain_tissues_are_told_apart(made):
    image, labels = made["brain_mr"]
    grey = {name: np.median(image[labels == value]) for value, name in MR_NAMES.items()}
    assert grey["lateral ventricles"] < 0.5 * grey["brain"]
    assert np.percentile(image[labels == 3], 90) > 1.3 * grey["brain"]
    assert image.min() >= 0


def test_cells_divide_and_daughters_start_where_the_mother_ended(made):
    movie = made["dividing_cells"]
    assert len(set(movie.parents.values())) == 3
    for daughter, mother in movie.parents.items():
        frames = np.flatnonzero((movie.labels == daughter).any(axis=(1, 2)))
        before = np.flatnonzero((movie.labels == mother).any(axis=(1, 2)))
        assert frames[0] == before[-1] + 1
        here = np.argwhere(movie.labels[frames[0]] == daughter).mean(axis=0)
        there = np.argwhere(movie.labels[before[-1]] == mother).mean(axis=0)
        assert np.hypot(*(here - there)) < 15
    inside = movie.image[movie.labels > 0].mean()
    assert inside > 3 * movie.image[movie.labels == 0].mean()


def test_the_dicom_series_is_complete_and_upright():
    import pydicom

    slices = [pydicom.dcmread(path) for path in sorted(sample_path("ct_abdomen").iterdir())]
    assert len(slices) == 48
    assert len({ds.SeriesInstanceUID for ds in slices}) == 1
    assert len({ds.SOPInstanceUID for ds in slices}) == 48
    heights = [float(ds.ImagePositionPatient[2]) for ds in slices]
    assert np.allclose(np.diff(heights), 5.0)
    first = slices[0]
    assert str(first.SeriesInstanceUID).startswith("2.25.")
    assert first.SeriesInstanceUID.is_valid
    assert list(first.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert (first.RescaleIntercept, first.WindowCenter, first.WindowWidth) == (-1024, 40, 400)
    assert (str(first.PatientName), first.PatientPosition) == ("Phantom", "HFS")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_loads_with_its_ground_truth_on_the_same_grid(name):
    sample = load_sample(name)
    assert sample.truth.shape == sample.volume.shape
    assert sample.truth.dtype == np.uint8
    assert set(np.unique(sample.truth)) - {0} == set(sample.names)


@pytest.mark.parametrize("name", SAMPLES)
def test_reading_gives_back_the_phantom_right_way_up(made, name):
    phantom = made[name]
    image, labels = (phantom.image, phantom.labels) if name == "dividing_cells" else phantom
    sample = load_sample(name)
    read = np.asarray(sample.volume.array).astype(np.int64)
    # A rounding of one is allowed, as above.
    assert np.abs(read - image).max() <= 1
    assert np.mean(sample.truth != labels) < 1e-3


@pytest.mark.parametrize(
    ("function", "axes", "scale", "units"),
    [
        ("ct_abdomen", "zyx", (5, 1.8, 1.8), {"mm", "millimeter"}),
        ("brain_mr", "zyx", (3, 1.2, 1.2), {"mm", "millimeter"}),
        ("dividing_cells", "tyx", (300, 0.65, 0.65), {"um", "µm", "micron", "micrometer"}),
    ],
)
def test_layer_data_are_calibrated(function, axes, scale, units):
    ((data, options, kind),) = getattr(layers_of, function)()
    assert kind == "image"
    assert options["axis_labels"] == tuple(axes)
    assert options["scale"] == pytest.approx(scale, rel=1e-4)
    assert set(options["units"][1:]) <= units
    assert options["units"][0] == ("second" if axes[0] == "t" else options["units"][1])
    low, high = options["contrast_limits"]
    assert low < high
    assert options["metadata"]["napari_sam2_volume"].shape == data.shape


def test_the_ct_keeps_its_own_window():
    _, options, _ = layers_of.ct_abdomen()[0]
    assert options["contrast_limits"] == (-160, 240)


def test_an_unknown_sample_is_refused_by_name():
    with pytest.raises(ReadError, match="no sample 'liver'; there are ct_abdomen, brain_mr, dividing_cells"):
        sample_path("liver")


def test_missing_files_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(samples, "sample_folder", lambda: tmp_path)
    with pytest.raises(ReadError, match="Reinstall napari-sam2"):
        sample_path("brain_mr")


def test_importing_and_loading_needs_no_napari_and_no_torch():
    code = (
        "import sys; from napari_sam2 import samples; samples.sample_path('brain_mr');"
        "assert not {'napari', 'torch', 'qtpy', 'pydicom', 'nibabel', 'tifffile'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
