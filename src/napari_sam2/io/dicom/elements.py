"""Values of DICOM elements in plain types; None or nothing where a header leaves them empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom.dataset import Dataset

    from napari_sam2.io.dicom.frame import Frame


def values_of(ds: Frame | Dataset, keyword: str) -> list[Any]:
    """Return all values of an element."""
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def text_of(ds: Frame | Dataset | Mapping[str, str], keyword: str) -> str:
    """Return an element as text."""
    value = ds.get(keyword)
    return "" if value is None else str(value).strip()


def floats_of(ds: Frame | Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return the values of an element if there are `count` of them, all finite."""
    values = [float(v) for v in values_of(ds, keyword) if v not in (None, "")]
    return tuple(values) if len(values) == count and np.isfinite(values).all() else None


def number_of(ds: Frame | Dataset, keyword: str) -> float | None:
    """Return the first value of an element if it is a finite number."""
    values = values_of(ds, keyword)
    if not values or values[0] in (None, ""):
        return None
    value = float(values[0])
    return value if np.isfinite(value) else None


def integer_of(ds: Frame | Dataset, keyword: str) -> int | None:
    """Return the first value of an element as a whole number."""
    value = number_of(ds, keyword)
    return None if value is None else int(value)


def items_of(ds: Frame | Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence."""
    return list(ds.get(keyword) or [])
