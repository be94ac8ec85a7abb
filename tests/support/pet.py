"""Headers of a PET whose SUV can be worked out by hand, and a series of it in files."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from support.dicom import write_series

# A half-life of 6000 s, 400 MBq, 80 kg. After 6000 s 200 MBq are left: 80000 g / 2e8 Bq = 4e-4 g/Bq. At injection 2e-4.
HALF, WHOLE = 4e-4, 2e-4


def header(drug=None, **changes):
    """A slice of a scan that began at 10:00, 6000 s after the injection at 08:20; None removes an element."""
    item = Dataset()
    item.RadiopharmaceuticalStartTime = "082000"
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = 4e8, 6000
    changed(item, drug or {})
    ds = Dataset()
    ds.Modality, ds.Units, ds.DecayCorrection, ds.CorrectedImage = "PT", "BQML", "START", ["ATTN", "DECY", "SCAT"]
    ds.PatientWeight = 80
    ds.SeriesDate, ds.SeriesTime = "20240305", "100000"
    ds.AcquisitionDate, ds.AcquisitionTime = "20240305", "100000"
    ds.RadiopharmaceuticalInformationSequence = [item]
    return changed(ds, changes)


def changed(ds, changes):
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def pet_series(folder, **changes):
    found = header(**changes)
    elements = {element.keyword: element.value for element in found}
    stored = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    write_series(folder, stored, **elements, RescaleSlope=100, RescaleIntercept=0)
    return stored
