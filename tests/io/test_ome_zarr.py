"""OME-Zarr 0.4 and 0.5: read lazily, labels written as label images that a validator of others accepts."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr

from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels, read_volume
from napari_sam2.io.ome_zarr import read_levels
from support.zarr import DATA, write_store


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_axes_scale_and_voxels(tmp_path, version) -> None:
    volume = read_volume(write_store(tmp_path / "cells.ome.zarr", version=version))
    assert (volume.axes, volume.shape, volume.units) == ("tczyx", DATA.shape, "micrometer")
    assert volume.spacing == pytest.approx((120.0, 1.5, 0.25, 0.25))
    assert volume.affine[:3, 3] == pytest.approx([-0.003, 0.001, 0.006])
    assert not isinstance(volume.array, np.ndarray)
    assert np.array_equal(np.asarray(volume.array[1, 0, 2]), DATA[1, 0, 2])
    assert np.array_equal(np.asarray(volume.array), DATA)
    assert volume.name == "cells"
    levels = read_levels(volume)
    assert [tuple(x.shape) for x in levels] == [DATA.shape, (3, 2, 4, 10, 12)]
    assert np.array_equal(np.asarray(levels[1]), DATA[..., ::2, ::2])


def test_only_the_chunks_that_are_looked_at_are_read(tmp_path) -> None:
    path = write_store(tmp_path / "a.zarr")
    volume = read_volume(path)
    for chunk in path.glob("0/c/2/**/*"):
        if chunk.is_file():
            chunk.write_bytes(b"damaged")
    assert np.array_equal(np.asarray(volume.array[0]), DATA[0])
    with pytest.raises(Exception, match=r"."):
        np.asarray(volume.array[2])


def test_smaller_levels_come_along(tmp_path) -> None:
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[:1], "tczyx"))
    assert volume.axes == "czyx"
    assert [level.shape for level in volume.levels] == [(2, 4, 10, 12)]
    assert np.array_equal(volume.level_parts(1)[1, 2], DATA[0, 1, 2, ::2, ::2])


def test_axes_of_one_voxel_are_left_out_and_one_channel_has_its_window(tmp_path) -> None:
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[:1, :1]))
    assert (volume.axes, volume.shape) == ("zyx", (4, 20, 24))
    assert volume.window == (100, 700)
    assert np.array_equal(np.asarray(volume.array), DATA[0, 0])
    assert read_levels(volume)[1].shape == (4, 10, 12)


def test_an_image_without_units_says_so(tmp_path) -> None:
    volume = read_volume(write_store(tmp_path / "a.zarr", DATA[0], "czyx", units={}))
    assert volume.units is None
    assert volume.spacing == (1.5, 250.0, 0.25)
    assert "no unit of length" in " ".join(volume.source.notes)


def test_the_only_image_of_a_bioformats_file(tmp_path) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w", zarr_format=2)
    group.attrs.put({"bioformats2raw.layout": 3})
    write_store(tmp_path / "a.zarr" / "0", version="0.4")
    assert read_volume(tmp_path / "a.zarr").shape == DATA.shape
    write_store(tmp_path / "a.zarr" / "1", version="0.4")
    with pytest.raises(ReadError, match="holds 2 images"):
        read_volume(tmp_path / "a.zarr")


def test_what_is_no_image_is_refused_by_name(tmp_path) -> None:
    zarr.open_group(str(tmp_path / "empty.zarr"), mode="w")
    with pytest.raises(ReadError, match="no 'multiscales'"):
        read_volume(tmp_path / "empty.zarr")
    zarr.open_group(str(tmp_path / "plate.zarr"), mode="w").attrs.put({"ome": {"version": "0.5", "plate": {}}})
    with pytest.raises(ReadError, match="plate of many images"):
        read_volume(tmp_path / "plate.zarr")
    path = write_store(tmp_path / "cut.zarr")
    (path / "zarr.json").write_text((path / "zarr.json").read_text()[:50])
    with pytest.raises(ReadError, match=r"cut\.zarr/zarr\.json is damaged"):
        read_volume(path)
    path = write_store(tmp_path / "gone.zarr")
    (path / "0" / "zarr.json").unlink()
    with pytest.raises(ReadError, match=r"gone\.zarr/0 cannot be opened"):
        read_volume(path)


def test_a_store_that_went_away_is_not_an_empty_image(tmp_path) -> None:
    path = write_store(tmp_path / "a.zarr")
    volume = read_volume(path)
    assert volume.parts[0].any()
    shutil.rmtree(path)
    with pytest.raises(ReadError, match=r"a\.zarr cannot be read at t = 0: No such file"):
        volume.parts[0]


def test_a_damaged_chunk_is_an_error_when_it_is_read(tmp_path) -> None:
    path = write_store(tmp_path / "a.zarr")
    chunk = path / "0" / "c" / "1" / "0" / "2" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    volume = read_volume(path)
    assert volume.parts[0].shape == (2, 4, 20, 24)
    with pytest.raises(ReadError, match=r"a\.zarr cannot be read at t = 1: "):
        volume.parts[1]
    with pytest.raises(ReadError, match=r"a\.zarr cannot be read"):
        read_labels(path, volume)
