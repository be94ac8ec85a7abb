"""Slices that are decoded when they are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import write_series


def test_a_lazy_series_decodes_what_is_looked_at(big_series) -> None:
    folder, values = big_series
    stack = read_volume(folder, lazy=True).array
    assert (stack.shape, stack.ndim, len(stack), stack.size) == (values.shape, 3, 60, values.size)
    assert stack.nbytes == values.size * stack.dtype.itemsize
    assert stack.decoded == 0
    assert np.array_equal(stack[30], values[30])
    assert stack.decoded == 1
    assert np.array_equal(stack[-3:, 2:5, 7], values[-3:, 2:5, 7])
    assert stack.decoded == 4
    assert np.array_equal(stack[[1, 5], ..., 3], values[[1, 5], ..., 3])
    assert stack.decoded == 6
    with pytest.raises(ValueError, match="read-only"):
        stack[3][0, 0] = 1
    progress = list(stack.load())
    assert progress[0] == (8, 60)
    assert progress[-1] == (60, 60)
    assert np.array_equal(np.asarray(stack, dtype=np.float32), values)
    assert np.array_equal(stack[stack[...] > 1000], values[values > 1000])


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("slope", [1, 0.5])
def test_lazily_or_not_the_type_is_the_same(tmp_path, stored, bits, slope) -> None:
    write_series(tmp_path, stored, BitsStored=bits, HighBit=bits - 1, RescaleSlope=slope)
    eager, lazy = read_volume(tmp_path), read_volume(tmp_path, lazy=True)
    assert eager.array.dtype == lazy.array.dtype
    assert np.array_equal(eager.array, np.asarray(lazy.array))


def test_a_lazy_slice_that_cannot_be_decoded_names_its_file(big_series) -> None:
    folder, _ = big_series
    stack = read_volume(folder, lazy=True).array
    path = folder / "007.dcm"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ReadError, match=r"007\.dcm cannot be decoded"):
        stack[7]
    assert stack[8].shape == (16, 18)
