"""JPEG of 12 bits, and lossless."""

from __future__ import annotations

import numpy as np

from napari_sam2.io import read_volume
from support.dicom import pydicom_files


def test_jpeg_of_12_bits_and_lossless_are_decoded_by_a_permissive_library() -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

    read_volume(pydicom_files()["JPGExtended.dcm"])
    for syntax in (JPEGLossless, JPEGLosslessSV1, JPEGExtended12Bit):
        assert "napari-sam2" in get_decoder(syntax).available_plugins
    assert np.asarray(read_volume(pydicom_files()["JPGExtended.dcm"]).array).max() == 264
    if "JPEG-LL.dcm" in pydicom_files():
        assert read_volume(pydicom_files()["JPEG-LL.dcm"]).array.max() == 278
    assert read_volume(pydicom_files()["JPEGLSNearLossless_16.dcm"]).array.max() == 65535
