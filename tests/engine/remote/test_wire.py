import numpy as np
import pytest

from napari_sam2.engine.remote.model_actor import FrameStore
from napari_sam2.engine.remote.wire import PackedFrame


def frame(levels, channels=1, seed=0):
    values = np.random.default_rng(seed).integers(0, levels, (20, 30, channels))
    return (values / (levels - 1)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_frames_of_8_bits_come_back_as_they_were(channels) -> None:
    source = (np.random.default_rng(0).integers(0, 256, (20, 30, channels)).astype(np.float32)) / np.float32(255)
    packed = PackedFrame.of(source)
    assert packed.bits == 8
    assert np.array_equal(packed.unpack(), source)


def test_finer_frames_are_kept_within_half_a_step_of_16_bits() -> None:
    source = np.random.default_rng(0).random((20, 30, 1), dtype=np.float32)
    packed = PackedFrame.of(source)
    assert packed.bits == 16
    assert np.abs(packed.unpack() - source).max() <= 0.51 / 65535
    again = PackedFrame.of(packed.unpack())
    assert again.digest == packed.digest


def test_the_name_of_a_frame_is_its_content() -> None:
    assert PackedFrame.of(frame(256)).digest == PackedFrame.of(frame(256)).digest
    assert PackedFrame.of(frame(256)).digest != PackedFrame.of(frame(256, seed=1)).digest
    assert PackedFrame.of(frame(256)).digest != PackedFrame.of(frame(256).reshape(30, 20, 1)).digest


def test_a_smooth_picture_is_compressed() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None, :, None].repeat(256, axis=0)
    assert len(PackedFrame.of(ramp).data) < 256 * 256 * 2 / 20


def test_the_store_forgets_what_was_not_used_for_longest() -> None:
    packed = [PackedFrame.of(np.random.default_rng(i).random((32, 32, 1), dtype=np.float32)) for i in range(3)]
    store = FrameStore(budget_bytes=2 * len(packed[0].data) + 100)
    store.put(packed[0])
    store.put(packed[1])
    assert store.get(packed[0].digest) is not None
    store.put(packed[2])
    assert [p.digest in store for p in packed] == [True, False, True]
