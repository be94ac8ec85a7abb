"""The table of a Labels layer: names and measurements of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels


def label_names(layer: Labels) -> dict[int, str]:
    """Return the names in a layer's table, by label."""
    table = layer.features
    if "name" not in table:
        return {}
    labels = table["index"] if "index" in table else range(len(table))
    return {int(k): str(v) for k, v in zip(labels, table["name"], strict=True) if isinstance(v, str) and v}


def set_label_name(layer: Labels, label: int, name: str) -> None:
    """Put a label's name into the layer's table; other columns of the table stay."""
    table = layer.features.copy()
    if "index" not in table:
        table.insert(0, "index", range(len(table)))
    if label not in set(table["index"]):
        table.loc[len(table)] = {"index": label}
        table["index"] = table["index"].astype(int)
    if "name" not in table:
        table["name"] = ""
    table["name"] = table["name"].astype(object).fillna("")
    table.loc[table["index"] == label, "name"] = name
    layer.features = table


def set_label_columns(layer: Labels, table: pd.DataFrame) -> None:
    """Put measurements into a layer's table, in place of columns of the same names; all others stay.

    Parameters
    ----------
    layer
        Its rows are labels; a label that is not in the table has no values.
    table
        One row for each object; its column ``object`` is the label. A column ``name`` is left to the layer.
    """
    import pandas as pd

    measured = table.drop(columns=["name"], errors="ignore").rename(columns={"object": "index"})
    before = layer.features.copy()
    if "index" not in before:
        before.insert(0, "index", range(len(before)))
    kept = before.drop(columns=[c for c in measured.columns if c != "index" and c in before])
    rows = pd.DataFrame({"index": sorted({0, *kept["index"].tolist(), *measured["index"].tolist()})})
    joined = rows.merge(kept, on="index", how="left").merge(measured, on="index", how="left")
    if "name" in joined:
        joined["name"] = joined["name"].astype(object).fillna("")
    layer.features = joined
