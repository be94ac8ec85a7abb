"""Every file that pydicom and pydicom-data ship: it opens right, or one sentence says why not."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from napari_sam2.errors import ReadError
from napari_sam2.io import read_volume
from support.dicom import pydicom_files

NOT_IMAGES = "not an image|not DICOM"
# Files that cannot be opened, and the words that say why.
REFUSED = {
    **dict.fromkeys(("README.txt", "crayons.icc", "rtplan.dump", "rtstruct.dump", "zipMR.gz"), "not DICOM"),
    **dict.fromkeys(("test1.json", "test_PN.json", "ExplVR_BigEndNoMeta.dcm", "no_meta.dcm"), NOT_IMAGES),
    **dict.fromkeys(("UN_sequence.dcm", "empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm"), "not an image"),
    **dict.fromkeys(("nested_priv_SQ.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"), "not an image"),
    **dict.fromkeys(("liver_1frame.dcm", "liver_expb_1frame.dcm", "liver.dcm", "liver_expb.dcm"), "SEG, not an"),
    **dict.fromkeys(("reportsi.dcm", "reportsi_with_empty_number_tags.dcm", "test-SR.dcm"), "SR, not an image"),
    **dict.fromkeys(("rtplan.dcm", "rtplan_truncated.dcm", "ExplVR_LitEndNoMeta.dcm"), "RTPLAN, not an image"),
    **dict.fromkeys(("rtdose.dcm", "rtdose_1frame.dcm", "rtdose_expb.dcm", "badVR.dcm"), "RTDOSE, not an image"),
    **dict.fromkeys(("rtdose_expb_1frame.dcm", "rtdose_rle.dcm", "rtdose_rle_1frame.dcm"), "RTDOSE, not an image"),
    "rtstruct.dcm": "RTSTRUCT, not an image",
    "waveform_ecg.dcm": "ECG, not an image",
    "MR_truncated.dcm": "less than expected",
    "JPEG2000-embedded-sequence-delimiter.dcm": "Unable to decode",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "no pixel data",
}


def _listed() -> list[str]:
    """All names that pydicom knows, those that must be downloaded too."""
    urls = Path(pydicom.data.data_manager.DATA_ROOT) / "urls.json"
    import json

    return sorted({*pydicom_files(), *json.loads(urls.read_text())})


@pytest.mark.parametrize("name", _listed())
def test_it_opens_right_or_says_why_not(name) -> None:
    if name not in pydicom_files():
        pytest.skip(f"{name} is in neither pydicom nor pydicom-data here; it would have to be downloaded")
    path = pydicom_files()[name]
    if name in REFUSED:
        with pytest.raises(ReadError, match=REFUSED[name]) as caught:
            read_volume(path)
        assert name in caught.value.headline
        return
    volume = read_volume(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(path, force=True)
        if header.PhotometricInterpretation == "PALETTE COLOR" or header.get("SamplesPerPixel") == 3:
            assert volume.axes[-1] == "c"
            assert volume.shape[-3:] == (header.Rows, header.Columns, 3)
        else:
            assert volume.shape[-2:] == (header.Rows, header.Columns)
            assert np.allclose(volume.array, _theirs(header), atol=1e-2)
    frames = int(header.get("NumberOfFrames", 1))
    assert volume.size_of(volume.axes[0]) == frames if frames > 1 else volume.axes[0] == "y"
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    if spacing and volume.units:
        assert volume.spacing[-2:] == pytest.approx([float(s) for s in spacing])
    assert volume.array.dtype.isnative
    if isinstance(lazy := read_volume(path, lazy=True).array, np.ndarray):
        assert np.array_equal(lazy, volume.array)
    else:
        assert np.array_equal(lazy[..., :2], volume.array[..., :2])


def _theirs(header: pydicom.Dataset) -> np.ndarray:
    """Values by pydicom's own functions, which the reader does not use for the rescale."""
    from pydicom.pixels import apply_modality_lut, apply_rescale

    values = header.pixel_array
    if header.get("ModalityLUTSequence"):
        return apply_modality_lut(values, header)
    if "SharedFunctionalGroupsSequence" in header:
        group = header.SharedFunctionalGroupsSequence[0].get("PixelValueTransformationSequence")
        if group:
            values = apply_rescale(values, group[0])
        groups = header.PerFrameFunctionalGroupsSequence
        shared = header.SharedFunctionalGroupsSequence[0]
        directions = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient).reshape(2, 3)
        places = np.array([g.PlanePositionSequence[0].ImagePositionPatient for g in groups])
        return values[np.argsort(places @ np.cross(*directions))]
    values = apply_rescale(values, header)
    if header.PhotometricInterpretation == "MONOCHROME1":
        high = 2**header.BitsStored - 1
        return high * header.get("RescaleSlope", 1) + 2 * header.get("RescaleIntercept", 0) - values
    return values


@pytest.mark.parametrize(
    ("name", "spacing"), [("examples_ybr_color.dcm", 0.5104970559), ("examples_palette.dcm", 0.2622878766)]
)
def test_ultrasound_has_the_spacing_of_its_tissue(name, spacing) -> None:
    volume = read_volume(pydicom_files()[name])
    assert volume.units == "mm"
    assert volume.spacing[-2:] == pytest.approx((spacing, spacing))
