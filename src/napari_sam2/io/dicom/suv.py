"""Body-weight SUV of PET: what a header says of it, and why it may say nothing.

By the vendor-neutral rule of QIBA ("Computing SUV", Quantitative Imaging Biomarkers Alliance, PET): activity
concentration times body weight over the injected dose, as far as it has decayed by the time to which the image is
corrected.
"""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from napari_sam2.core.intensity_unit import IntensityUnit
from napari_sam2.errors import ReadError
from napari_sam2.io.dicom.elements import items_of, number_of, text_of, values_of
from napari_sam2.io.dicom.opening import damage, first_line, quiet
from napari_sam2.io.dicom.times import Moment, local_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from napari_sam2.core.volume import ImageVolume

# A dose below this is no clinical one in becquerel; some files give it in megabecquerel, which nothing tells.
_LEAST_DOSE = 1e4
_DAY = 86_400.0
# What is left after more is nothing that could be seen: a date is wrong.
_MOST_HALF_LIVES = 10
# Tracers of a longer half-life, in seconds, are scanned days after the injection.
_SLOW = _DAY / 4


def suv_unit(volume: ImageVolume) -> IntensityUnit:
    """Return the unit in which the values of a PET volume, in Bq/mL, are body-weight SUV, in g/mL.

    Parameters
    ----------
    volume
        Read from a DICOM series; its headers are read again.

    Returns
    -------
    IntensityUnit
        For the ``unit`` of `measure_objects` and `measure_frames`.

    Raises
    ------
    ReadError
        If the volume is not from DICOM, a file is gone, or the headers do not allow it; one sentence says why.

    Examples
    --------
    >>> import napari_sam2 as ns
    >>> volume = ns.read_volume("pet")  # doctest: +SKIP
    >>> ns.measure_objects(labels, volume, unit=ns.suv_unit(volume))  # doctest: +SKIP
    """
    import pydicom

    source = volume.source
    if source is None or source.format != "dicom" or not source.paths:
        raise ReadError("SUV needs the headers of a PET series, and this image was not read from DICOM.")
    headers = []
    for path in dict.fromkeys(source.paths):
        try:
            with quiet():
                headers.append(pydicom.dcmread(path, stop_before_pixels=True, force=True))
        except damage() as error:
            raise ReadError(f"{path} cannot be read for its SUV: {first_line(error)}.") from error
    return IntensityUnit("SUVbw g/mL", factor_of(headers, Path(source.paths[0]).parent.name))


def factor_of(headers: Sequence[Dataset], name: str) -> float:
    """Return what turns Bq/mL into g/mL in all slices of one series.

    Parameters
    ----------
    headers
        Of its files.
    name
        What to call the series in texts.

    Raises
    ------
    ReadError
        If the headers do not allow it.
    """
    try:
        taken = [moment for header in headers if (moment := _taken(header)) is not None]
        factors = [_factor(header, taken, name) for header in headers]
    except damage() as error:
        _refuse(name, f"an element of its header cannot be understood: {first_line(error)}")
    if max(factors) - min(factors) > 1e-4 * max(factors):
        _refuse(name, "dose, weight or times differ between its slices")
    return factors[0]


def _refuse(name: str, why: str) -> NoReturn:
    raise ReadError(f"There is no SUV of {name}: {why}.")


def _factor(header: Dataset, taken: Sequence[Moment], name: str) -> float:
    if text_of(header, "Modality") != "PT":
        _refuse(name, "it is no PET series")
    units = text_of(header, "Units")
    if units != "BQML":
        _refuse(name, f"its values are in {units or 'no unit that is named'}, not in Bq/mL (BQML)")
    if text_of(header, "PhotometricInterpretation") == "MONOCHROME1":
        _refuse(name, "its values are stored inverted (MONOCHROME1)")
    missing = {"ATTN", "DECY"} - {str(value) for value in values_of(header, "CorrectedImage")}
    if missing:
        what = " and ".join({"ATTN": "attenuation", "DECY": "decay"}[each] for each in sorted(missing))
        _refuse(name, f"it is not corrected for {what}")
    weight = number_of(header, "PatientWeight") or 0.0
    if weight <= 0:
        _refuse(name, "the weight of the patient is missing")
    return weight * 1000 / _dose(header, taken, name)


def _dose(header: Dataset, taken: Sequence[Moment], name: str) -> float:
    """Return the dose in Bq that is left at the time to which the image is corrected for decay."""
    items = items_of(header, "RadiopharmaceuticalInformationSequence")
    if len(items) != 1:
        _refuse(name, "no radiopharmaceutical is named" if not items else "several radiopharmaceuticals are named")
    drug = items[0]
    dose = number_of(drug, "RadionuclideTotalDose") or 0.0
    if dose <= 0:
        _refuse(name, "the injected dose is missing")
    if dose < _LEAST_DOSE:
        _refuse(name, f"an injected dose of {dose:g} Bq cannot be; it may stand in another unit")
    rule = text_of(header, "DecayCorrection")
    if rule == "ADMIN":
        return dose
    if rule != "START":
        _refuse(name, f"it is not decay-corrected to the start of the scan or the injection, but {rule or 'unknown'}")
    half_life = number_of(drug, "RadionuclideHalfLife") or 0.0
    if half_life <= 0:
        _refuse(name, "the half-life is missing")
    elapsed = _seconds_since_injection(header, drug, _scan_start(header, taken, half_life, name), half_life, name)
    if elapsed > _MOST_HALF_LIVES * half_life:
        _refuse(name, f"the injection stands {elapsed / half_life:.0f} half-lives before the scan")
    return float(dose * 2 ** (-elapsed / half_life))


def _scan_start(header: Dataset, taken: Sequence[Moment], half_life: float, name: str) -> Moment:
    """Return when the scan began: the time of the series, unless that is when the series was made of another one."""
    start = local_moment(header, day="SeriesDate", time="SeriesTime")
    if start is not None and taken and all(_is_not_after(start, m) for m in taken):
        return start
    # GE keeps the start of the scan apart.
    with suppress(KeyError):
        value = header.private_block(0x0009, "GEMS_PETD_01")[0x0D].value
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        found = local_moment({"scan": text.strip("\0 ")}, both="scan")
        if found is not None:
            return found
    here = _taken(header)
    reference, length = number_of(header, "FrameReferenceTime"), number_of(header, "ActualFrameDuration")
    if here is None or reference is None or not length:
        _refuse(name, "nothing says when the scan began")
    # The reference time of a frame is that of its average count rate.
    decay = math.log(2) / half_life
    within = math.log(decay * length / 1000 / -math.expm1(-decay * length / 1000)) / decay
    return Moment(here.seconds - reference / 1000 + within, here.is_dated)


def _taken(header: Dataset) -> Moment | None:
    return local_moment(header, both="AcquisitionDateTime", day="AcquisitionDate", time="AcquisitionTime")


def _is_not_after(one: Moment, other: Moment) -> bool:
    if one.is_dated and other.is_dated:
        return one.seconds <= other.seconds
    return one.seconds % _DAY <= other.seconds % _DAY


def _seconds_since_injection(header: Dataset, drug: Dataset, start: Moment, half_life: float, name: str) -> float:
    zone = text_of(header, "TimezoneOffsetFromUTC")
    injected = local_moment(
        drug, both="RadiopharmaceuticalStartDateTime", time="RadiopharmaceuticalStartTime", zone=zone
    )
    if injected is None:
        _refuse(name, "the time of injection is missing")
    if injected.is_dated and start.is_dated:
        elapsed = start.seconds - injected.seconds
        if elapsed < 0:
            _refuse(name, "the injection stands after the start of the scan")
        return elapsed
    if half_life > _SLOW:
        _refuse(name, "its tracer decays slowly, and the day of the injection is missing")
    # Without a date it is the last such time before the scan, on the day before where midnight lies between.
    elapsed = (start.seconds - injected.seconds) % _DAY
    if elapsed > _DAY / 2:
        _refuse(name, "the injection stands after the start of the scan")
    return elapsed
