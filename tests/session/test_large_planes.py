"""A run over planes of 16,384² pixels reads, and holds, the part of each that the model looks at."""

from __future__ import annotations

import tracemalloc

import numpy as np
import zarr
from zarr.storage import MemoryStore

from napari_sam2.core.volume import ImageVolume
from napari_sam2.session import VideoSession
from support.random_networks import random_predictor

SIDE, CHUNK = 16_384, 512


class CountingStore(MemoryStore):
    """A store that notes which chunks are asked for; where it has none, the array's fill value counts."""

    def __init__(self):
        super().__init__()
        self.read = []

    async def get(self, key, prototype, byte_range=None):
        if "c/" in key:
            self.read.append(key)
        return await super().get(key, prototype, byte_range)


def test_a_run_over_huge_planes_reads_and_holds_the_zoom_windows_alone():
    store = CountingStore()
    stored = zarr.create_array(store, shape=(4, SIDE, SIDE), chunks=(1, CHUNK, CHUNK), dtype=np.uint8)
    for frame in range(4):
        stored[frame, 9000:9040, 12_000:12_040] = 200
    session = VideoSession(random_predictor(), ImageVolume(stored), contrast_limits=(0, 255), zoom=2.0)
    session.add_box(1, 1, (9000, 12_000, 9040, 12_040))
    store.read.clear()
    tracemalloc.start()
    frames = [step.frame for step in session.propagate(stop_when_gone=False)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sorted(frames) == [0, 1, 2, 3]
    assert {key.split("/")[1] for key in store.read} == {"0", "1", "2", "3"}
    assert len(set(store.read)) <= 4 * 3 * 3, "a whole plane has 1024 chunks"
    assert peak < 60e6, "a mask of a whole plane takes 268 MB"
    session.close()
