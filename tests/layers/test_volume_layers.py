"""Volumes as layers with their geometry, window and metadata."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from napari.layers import Image

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import SeveralSeriesError
from napari_sam2.io.dicom.lazy import LazyStack
from napari_sam2.layers import volume_layers
from napari_sam2.layers.image import volume_from_layer
from napari_sam2.layers.volume_layers import is_ours, layers_of, read_layers
from support.dicom import write_series
from support.zarr import DATA, write_store

STORED = np.random.default_rng(0).integers(0, 3000, (5, 6, 7)).astype(np.uint16)


def test_folders_and_archives_without_images_are_left_to_others(tmp_path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("hello")
    shutil.make_archive(str(tmp_path / "notes"), "zip", tmp_path / "notes")
    (tmp_path / "broken.zip").write_text("no archive")
    (tmp_path / "plain.zarr").mkdir()
    (tmp_path / "plain.zarr" / ".zarray").write_text("{}")
    for name in ("notes", "notes.zip", "broken.zip", "plain.zarr"):
        assert not is_ours(str(tmp_path / name))
    write_series(tmp_path / "ct", STORED)
    shutil.make_archive(str(tmp_path / "ct"), "zip", tmp_path / "ct")
    for name in ("ct", "ct.zip"):
        assert is_ours(str(tmp_path / name))
        ((data, options, kind),) = read_layers(str(tmp_path / name))
        assert kind == "image"
        assert np.array_equal(data, STORED.astype(int) - 1024)
        assert options["scale"] == pytest.approx((2.0, 0.8, 0.7))
        assert options["units"] == ("mm",) * 3


def test_several_slices_of_a_folder_are_the_folder(tmp_path) -> None:
    paths = write_series(tmp_path, STORED)
    ((data, _, _),) = read_layers([str(p) for p in paths[:3]])
    assert data.shape == STORED.shape


def test_a_large_series_stays_lazy_in_the_layer(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(volume_layers, "_AT_ONCE", 100)
    write_series(tmp_path / "ct", STORED, WindowCenter=40, WindowWidth=400)
    ((data, options, _),) = read_layers(str(tmp_path / "ct"))
    assert isinstance(data, LazyStack)
    # Three slices tell the range of the contrast slider.
    assert data.decoded <= 3
    layer = Image(data, **options)
    assert data.decoded < len(STORED)
    assert layer.contrast_limits == [-160, 240]
    volume = volume_from_layer(layer)
    assert volume is options["metadata"]["napari_sam2_volume"]
    assert np.array_equal(volume.array[2], STORED[2].astype(int) - 1024)


def test_several_series_are_an_error_until_one_is_chosen(tmp_path) -> None:
    write_series(tmp_path / "a", STORED)
    write_series(tmp_path / "b", STORED[:3], series="1.2.3.5", SeriesDescription="short")
    with pytest.raises(SeveralSeriesError):
        read_layers(str(tmp_path))
    ((data, options, _),) = read_layers(str(tmp_path), 1)
    assert data.shape == (3, 6, 7)
    assert options["name"] == "short"


def _count_headers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose header alone is read from now on, in order."""
    seen: list[str] = []
    read = pydicom.dcmread

    def counted(file, **options):
        if options.get("stop_before_pixels"):
            seen.append(Path(file.name).name)
        return read(file, **options)

    monkeypatch.setattr(pydicom, "dcmread", counted)
    return seen


def test_the_headers_of_a_folder_are_read_once_for_all_series_that_are_chosen(tmp_path, monkeypatch) -> None:
    write_series(tmp_path / "a", STORED, names=[f"a{i}" for i in range(5)], SeriesDescription="long")
    write_series(tmp_path / "b", STORED[:3], names=["b0", "b1", "b2"], series="1.2.3.5", SeriesDescription="short")
    asked = []

    def choose(place, error):
        asked.append((place, [s.description for s in error.series]))
        return [1, 0]

    seen = _count_headers(monkeypatch)
    layers = read_layers(str(tmp_path), choose=choose)
    assert asked == [(tmp_path, ["long", "short"])]
    assert [(options["name"], data.shape) for data, options, _ in layers] == [
        ("short", (3, 6, 7)),
        ("long", (5, 6, 7)),
    ]
    assert np.array_equal(layers[1][0], STORED.astype(int) - 1024)
    assert sorted(seen) == ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2"]


def test_a_small_series_is_scanned_once_and_leaves_its_damaged_end_out(tmp_path, monkeypatch) -> None:
    paths = write_series(tmp_path / "ct", STORED)
    last = pydicom.dcmread(paths[-1])
    last.compress(pydicom.uid.RLELossless)
    last.PixelData = pydicom.encaps.encapsulate([b"\x07" * 80])
    last.save_as(paths[-1])
    seen = _count_headers(monkeypatch)
    ((data, options, _),) = read_layers(str(tmp_path / "ct"))
    assert np.array_equal(data, STORED[:4].astype(int) - 1024)
    source = options["metadata"]["napari_sam2_volume"].source
    assert source.opened == (tmp_path / "ct").resolve()
    assert [name for name, _ in source.skipped] == ["004.dcm"]
    assert "damaged slices at the end of the stack are missing" in source.notes
    assert sorted(seen) == [p.name for p in paths]


def test_colours_are_one_rgb_layer_and_channels_are_many(tmp_path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (3, 5, 6, 3)).astype(np.uint8)
    for axes, array in (("zyxc", colours), ("zcyx", np.moveaxis(colours, -1, 1))):
        ((data, options, _),) = layers_of(ImageVolume(array, axes=axes, spacing=(3, 2, 1), units="mm"), "a")
        assert np.array_equal(data, colours)
        layer = Image(data, **options)
        assert layer.rgb
        assert layer.scale.tolist() == [3, 2, 1]
        assert volume_from_layer(layer) is options["metadata"]["napari_sam2_volume"]
    stains = np.random.default_rng(0).integers(0, 999, (2, 4, 5, 6)).astype(np.uint16)
    layers = layers_of(ImageVolume(stains, axes="czyx", spacing=(3, 2, 1), units="um"), "a")
    assert [options["name"] for _, options, _ in layers] == ["a [0]", "a [1]"]
    for n, (data, options, _) in enumerate(layers):
        assert np.array_equal(data, stains[n])
        layer = Image(data, **options)
        assert layer.scale.tolist() == [3, 2, 1]
        assert volume_from_layer(layer).axes == "zyx"


def test_ome_zarr_shows_its_levels(tmp_path) -> None:
    path = write_store(
        tmp_path / "a.zarr", np.random.default_rng(0).integers(0, 99, (1, 1, 4, 20, 24)).astype(np.uint16)
    )
    ((data, options, _),) = read_layers(str(path))
    assert options["multiscale"]
    layer = Image(data, **options)
    assert layer.multiscale
    assert volume_from_layer(layer).shape == (4, 20, 24)
    channels = read_layers(str(write_store(tmp_path / "b.zarr")))
    for n, (levels, _, _) in enumerate(channels):
        assert np.array_equal(np.asarray(levels[0]), DATA[:, n])
        assert np.array_equal(np.asarray(levels[1]), DATA[:, n, :, ::2, ::2])


def test_tiff_keeps_axes_and_spacing(tmp_path) -> None:
    metadata = {"axes": "TYX", "unit": "um", "finterval": 30.0}
    tifffile.imwrite(tmp_path / "a.tif", STORED, imagej=True, resolution=(2, 2), metadata=metadata)
    ((_, options, _),) = read_layers(str(tmp_path / "a.tif"))
    assert options["scale"] == (30.0, 0.5, 0.5)
    assert options["axis_labels"] == ("t", "y", "x")
    assert options["units"] == ("second", "micrometer", "micrometer")
