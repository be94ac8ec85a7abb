"""A disk that refuses in the middle of a write: a real limit on the size of files, which C libraries meet too."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_sam2 as ns
from napari_sam2.errors import WriteError
from support.dicom import write_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

resource = pytest.importorskip("resource", reason="limits on files exist on Unix alone")

SHAPE = (6, 64, 64)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let every write beyond `size` bytes of a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {str(p.relative_to(path.parent)): p.read_bytes() for p in files}


@pytest.mark.skipif(sys.platform == "darwin", reason="the limit is not kept by all file systems there")
@pytest.mark.parametrize("size", [1, 700, 5000])
@pytest.mark.parametrize(
    "suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".ome.tif", ".dcm", ".zarr", ".stl", ".obj"]
)
def test_the_old_file_stays(tmp_path, suffix, size) -> None:
    rng = np.random.default_rng(0)
    write_series(tmp_path / "ct", np.zeros(SHAPE, np.uint16))
    volume = ns.read_volume(tmp_path / "ct")
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / f"labels{suffix}"

    def write(labels: np.ndarray) -> None:
        if suffix in (".stl", ".obj"):
            ns.write_mesh(path, labels, volume)
        else:
            ns.write_labels(path, labels, volume)

    write(rng.integers(0, 9, SHAPE).astype(np.uint16))
    before = _content(path)
    with files_up_to(size), pytest.raises(WriteError) as caught:
        write(rng.integers(0, 9, SHAPE).astype(np.uint16))
    assert str(path) in caught.value.headline
    assert _content(path) == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "darwin", reason="the limit is not kept by all file systems there")
@pytest.mark.parametrize("missing", [1, 200])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".tif", ".ome.tif"])
def test_the_old_file_stays_where_only_the_end_does_not_fit(tmp_path, suffix, missing) -> None:
    """The last block is written when the file is closed, and not every library looks whether that worked."""
    volume = ns.ImageVolume(np.zeros((4, 20, 20), np.uint8), units="mm")
    labels = np.random.default_rng(0).integers(0, 9, (4, 20, 20)).astype(np.uint8)
    path = tmp_path / f"labels{suffix}"
    ns.write_labels(path, labels, volume)
    size, old = path.stat().st_size, np.zeros_like(labels)
    old[1, 2:5, 3:6] = 1
    ns.write_labels(path, old, volume)
    before = path.read_bytes()
    with files_up_to(size - missing), pytest.raises(WriteError):
        ns.write_labels(path, labels, volume)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
