"""Labels in OME-Zarr."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError, WriteError
from napari_sam2.io import read_labels, read_volume, write_labels
from napari_sam2.io.label_files import read_label_file
from napari_sam2.io.ome_zarr import read_levels
from napari_sam2.io.ome_zarr_labels import write_ome_zarr_labels
from support.zarr import DATA, write_store


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_go_into_their_image(tmp_path, version) -> None:
    path = write_store(tmp_path / "a.zarr", version=version)
    volume = read_volume(path)
    labels = np.random.default_rng(1).integers(0, 400, volume.label_shape).astype(np.uint16)
    for name in ("cells", "nuclei"):
        write_labels(path / "labels" / name, labels + (name == "cells"), volume, {1: "big", 2: "small"})
    assert np.array_equal(read_labels(path / "labels" / "nuclei", volume), labels)
    with pytest.raises(ReadError, match=r"2 label images(.|\n)*labels/cells"):
        read_labels(path, volume)
    yaozarrs.validate_zarr_store(str(path))
    attributes = zarr.open_group(str(path / "labels"), mode="r").attrs.asdict()
    assert attributes.get("ome", attributes)["labels"] == ["cells", "nuclei"]
    own = zarr.open_group(str(path / "labels" / "cells"), mode="r").attrs.asdict()
    own = own.get("ome", own)
    assert own["image-label"]["properties"][0] == {"label-value": 1, "name": "big"}
    inside = read_volume(path / "labels" / "nuclei")
    assert inside.affine == pytest.approx(volume.affine)
    assert np.array_equal(np.asarray(read_levels(inside)[1]), labels[..., ::2, ::2])
    # The image itself is as it was.
    assert np.array_equal(np.asarray(read_volume(path).array), DATA)


@pytest.mark.parametrize(("inner", "opened"), [("0", "."), ("0", "0"), ("A/1/0", "A/1/0")])
def test_a_store_that_holds_the_image_is_not_replaced(tmp_path, inner, opened) -> None:
    """A file of bioformats2raw has its image in group 0, a plate its images in wells and fields."""
    store = tmp_path / "scan.zarr"
    zarr.open_group(str(store), mode="w", zarr_format=3).attrs.put({"bioformats2raw.layout": 3})
    write_store(store / inner)
    volume = read_volume(store / opened)
    with pytest.raises(WriteError, match=r"scan\.zarr was not written: it holds the image"):
        write_labels(store, np.zeros(volume.label_shape, np.uint8), volume)
    assert np.array_equal(np.asarray(read_volume(store / inner).array), DATA)


def test_labels_in_an_image_may_be_saved_over_themselves_but_not_over_the_image(tmp_path) -> None:
    path = write_store(tmp_path / "a.zarr")
    volume = read_volume(path)
    write_labels(path / "labels" / "cells", np.ones(volume.label_shape, np.uint8), volume)
    found = read_label_file(path / "labels" / "cells")
    with pytest.raises(WriteError, match="holds the image"):
        write_labels(path, found.labels, found.grid)
    write_labels(path / "labels" / "cells", found.labels * 2, found.grid)
    assert np.array_equal(np.asarray(read_volume(path).array), DATA)
    assert (read_labels(path / "labels" / "cells", volume) == 2).all()


@pytest.mark.parametrize("version", ["0.4", "0.5", None])
@pytest.mark.parametrize("axes", ["yx", "zyx", "tyx", "tzyx", "xyz"])
def test_labels_of_any_volume_come_back(tmp_path, axes, version) -> None:
    shape = (3, 4, 20, 24)[4 - len(axes) :]
    volume = ImageVolume(np.zeros(shape), axes=axes, spacing=(0.5,) * sum(a in "zyx" for a in axes), units="µm")
    labels = np.random.default_rng(1).integers(0, 70_000, shape).astype(np.uint32)
    path = tmp_path / "l.zarr"
    write_ome_zarr_labels(path, labels, volume, version=version)
    assert np.array_equal(read_labels(path, volume), labels)
    yaozarrs.validate_zarr_store(str(path))
    again = read_volume(path)
    assert again.units == "micrometer"
    assert again.spacing_of("x") == pytest.approx(0.5)
    # What is there is replaced as a whole.
    write_labels(path, labels * 0, volume)
    assert not read_labels(path, volume).any()
    assert [p.name for p in tmp_path.iterdir()] == ["l.zarr"]


def test_large_labels_have_smaller_levels_at_the_same_place(tmp_path) -> None:
    volume = ImageVolume(np.zeros((2, 700, 1100), np.uint8), spacing=(2.0, 0.5, 0.25), units="mm")
    labels = np.zeros((2, 700, 1100), np.uint8)
    labels[1, 400:, 300:] = 7
    write_labels(tmp_path / "l.zarr", labels, volume)
    again = read_volume(tmp_path / "l.zarr")
    assert [tuple(x.shape) for x in read_levels(again)] == [(2, 700, 1100), (2, 350, 550), (2, 175, 275)]
    assert np.array_equal(np.asarray(read_levels(again)[1]), labels[:, ::2, ::2])
    meta = json.loads((tmp_path / "l.zarr" / "zarr.json").read_bytes())["attributes"]["ome"]
    steps = [d["coordinateTransformations"][0]["scale"] for d in meta["multiscales"][0]["datasets"]]
    assert steps == [[2.0, 0.5, 0.25], [2.0, 1.0, 0.5], [2.0, 2.0, 1.0]]


def test_labels_of_another_grid_are_refused(tmp_path) -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm")
    write_labels(tmp_path / "l.zarr", np.zeros((4, 5, 6), np.uint8), volume)
    for other in (
        ImageVolume(np.zeros((4, 5, 7)), units="mm"),
        ImageVolume(np.zeros((4, 5, 6)), units="mm", spacing=(1, 1, 1.5)),
        ImageVolume(np.zeros((4, 5, 6)), axes="tyx"),
    ):
        with pytest.raises(ReadError, match="another grid"):
            read_labels(tmp_path / "l.zarr", other)


def test_labels_elsewhere_need_the_suffix(tmp_path) -> None:
    (tmp_path / "labels").mkdir()
    volume = ImageVolume(np.zeros((4, 5, 6)))
    with pytest.raises(WriteError, match="a file without a suffix"):
        write_labels(tmp_path / "labels" / "cells", np.zeros((4, 5, 6), np.uint8), volume)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_oldwrite_store(tmp_path, monkeypatch, call) -> None:
    volume = ImageVolume(np.zeros((4, 5, 6)), units="mm")
    path = tmp_path / "l.zarr"
    write_labels(path, np.ones((4, 5, 6), np.uint8), volume)

    def full(source: object, *_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"os.{call}", full)
        with pytest.raises(WriteError, match="No space left"):
            write_labels(path, np.zeros((4, 5, 6), np.uint8), volume)
    assert read_labels(path, volume).all()
    assert [p.name for p in tmp_path.iterdir()] == ["l.zarr"]
