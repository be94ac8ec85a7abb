"""Tables of measurements as CSV or as an Excel sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.core.atomic_write import replacing
from napari_sam2.core.paths import checked_path
from napari_sam2.errors import WriteError

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    import pandas as pd

TABLE_SUFFIXES = (".csv", ".xlsx")
_MOST_ROWS, _MOST_COLUMNS = 2**20 - 1, 2**14


def write_table(path: str | PathLike[str], table: pd.DataFrame) -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    path
        Ends in ``.csv`` (UTF-8, a dot in decimal numbers) or ``.xlsx``; what is there is replaced.
    table
        As `measure_objects`, `compare_labels` or `track_table` return it. Its header is that of
        :func:`header_texts`. The index is left out; what is missing is an empty cell.

    Raises
    ------
    WriteError
        If the suffix is unknown, the table does not fit in a sheet, or the disk refuses.

    Examples
    --------
    >>> import napari_sam2 as ns
    >>> ns.write_table("organs.xlsx", ns.measure_objects(labels, volume))  # doctest: +SKIP
    """
    path = checked_path(path, WriteError)
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise WriteError(
            f"{path} was not written: a table cannot be written as {path.suffix or 'a file without a suffix'!r}.\n"
            f"Use one of the suffixes {', '.join(TABLE_SUFFIXES)}."
        )
    if not hasattr(table, "itertuples"):
        raise WriteError(f"{path} was not written: the table must be a pandas.DataFrame, not {type(table).__name__}.")
    if suffix == ".csv":
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False, encoding="utf-8", header=header_texts(table))
    else:
        _write_xlsx(path, table)


def header_texts(table: pd.DataFrame) -> list[str]:
    """Return the header of a table: the names of its columns, with the unit where a name does not tell it.

    Parameters
    ----------
    table
        Names such as ``volume_ml`` tell their unit; others may have one in ``table.attrs["units"]``, by column.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"volume_ml": [1.5], "mean_intensity": [40.0]})
    >>> table.attrs["units"] = {"mean_intensity": "HU"}
    >>> header_texts(table)
    ['volume_ml', 'mean_intensity [HU]']
    """
    units = table.attrs.get("units") or {}
    return [f"{name} [{units[name]}]" if units.get(name) else str(name) for name in table.columns]


def _write_xlsx(path: Path, table: pd.DataFrame) -> None:
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter
    except ImportError as error:
        raise WriteError(
            f"{path} was not written: Excel files need the package openpyxl, which is not installed.\n"
            "Install it with pip install openpyxl, or write .csv."
        ) from error
    if len(table) > _MOST_ROWS or len(table.columns) > _MOST_COLUMNS:
        raise WriteError(
            f"{path} was not written: {len(table)} rows of {len(table.columns)} columns do not fit in an Excel sheet.\n"
            "Write .csv."
        )
    # Written row by row, so that long tables need no memory.
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Table")
    sheet.freeze_panes = "A2"
    names = header_texts(table)
    for number, name in enumerate(names, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = max(8, len(name) + 2)

    def cell(value: Any) -> Any:
        made = WriteOnlyCell(sheet, _plain(value))
        if made.data_type == "f":
            # A name that begins with an equals sign is a name, not a formula.
            made.data_type = "s"
        return made

    header = [cell(name) for name in names]
    for made in header:
        made.font = Font(bold=True)
    sheet.append(header)
    for row in table.itertuples(index=False, name=None):
        sheet.append([cell(value) for value in row])
    with replacing(path) as temporary:
        book.save(temporary)


def _plain(value: Any) -> Any:
    """Return a value as a type that a sheet has; None for what is missing, and text without control characters."""
    import pandas as pd
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(value, str):
        return ILLEGAL_CHARACTERS_RE.sub("", value)
    if not pd.api.types.is_scalar(value):
        return str(value)
    if pd.isna(value):
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and abs(value) == float("inf"):
        # A sheet has no infinity.
        return str(value)
    return value
