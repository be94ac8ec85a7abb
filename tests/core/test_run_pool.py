"""Runs of masks beyond the budget are on the disk, and come back as they were."""

from __future__ import annotations

import gc
import pickle

import numpy as np
import pytest

from napari_sam2.core import masks as masks_module
from napari_sam2.core.masks import RunLengthMask
from napari_sam2.core.run_pool import RunPool, SpilledRuns
from napari_sam2.errors import ReadError

BYTES = 8 * 64 * 32  # of a chequered mask of 64 x 64


@pytest.fixture
def pool(tmp_path, monkeypatch):
    """A pool for two masks."""
    pool = RunPool(2 * BYTES, tmp_path / "aside")
    monkeypatch.setattr(masks_module, "POOL", pool)
    return pool


def _chequered(n: int) -> np.ndarray:
    return (np.add.outer(np.arange(64), np.arange(64)) + n) % 2 == 0


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 64)) > 0.5


def _is_aside(mask: RunLengthMask) -> bool:
    return isinstance(mask._held, SpilledRuns)


def test_the_oldest_go_to_the_disk_and_are_read_as_they_were(pool):
    given = [_noise(seed) for seed in range(6)]
    stored = [RunLengthMask.encode(mask) for mask in given]
    assert [_is_aside(mask) for mask in stored] == sorted(map(_is_aside, stored), reverse=True)
    assert _is_aside(stored[0])
    assert not _is_aside(stored[-1])
    assert pool.used <= 2 * BYTES
    for mask, before in zip(stored, given, strict=True):
        assert np.array_equal(mask.decode(), before)
        assert mask.area == before.sum()
        assert mask == RunLengthMask.encode(before)
        assert hash(mask) == hash(RunLengthMask.encode(before))
        assert pickle.loads(pickle.dumps(mask)) == mask
        assert not mask.runs.flags.writeable


def test_what_nobody_holds_any_more_takes_no_room(pool):
    for n in range(100):
        RunLengthMask.encode(_chequered(n))
    gc.collect()
    last = RunLengthMask.encode(_chequered(0))
    assert pool.used == last.nbytes
    assert not _is_aside(last)
    assert not pool._folder.exists()


def test_small_masks_stay(pool):
    small = [RunLengthMask.encode(np.eye(9, dtype=bool)) for _ in range(1000)]
    assert pool.used == 0
    assert not any(map(_is_aside, small))


def test_a_disk_that_refuses_leaves_masks_in_memory_and_says_so_once(tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setattr(masks_module, "POOL", RunPool(BYTES, blocked / "aside"))
    stored = [RunLengthMask.encode(_chequered(n)) for n in range(5)]
    assert not any(map(_is_aside, stored))
    assert np.array_equal(stored[0].decode(), _chequered(0))
    assert len([r for r in caplog.records if "stay in memory" in r.message]) == 1


def test_what_was_lost_on_the_disk_is_one_clear_error(pool):
    first, *_ = [RunLengthMask.encode(_noise(seed)) for seed in range(4)]
    first._held._segment._file.close()
    with pytest.raises(ReadError, match=r"A mask that was put aside in .*aside cannot be read"):
        first.decode()
    assert first.area == _noise(0).sum()


def test_a_forked_process_writes_to_a_file_of_its_own(pool):
    stored = [RunLengthMask.encode(_noise(seed)) for seed in range(8)]
    size = pool._segment.size
    pool.part_from_parent()
    later = [RunLengthMask.encode(_noise(seed)) for seed in range(8, 16)]
    assert stored[0]._held._segment.size == size
    for seed, mask in enumerate([*stored, *later]):
        assert np.array_equal(mask.decode(), _noise(seed))
