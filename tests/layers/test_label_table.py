"""The table of a Labels layer takes measurements, and keeps what else is in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from napari.layers import Labels

from napari_sam2.layers.label_table import label_names, set_label_columns, set_label_name


def test_measurements_come_beside_names_and_replace_those_before() -> None:
    layer = Labels(np.zeros((4, 5), np.uint8))
    layer.features = {"index": [0, 2, 9], "name": ["background", "liver", "gone"], "grade": [0.0, 3.0, 1.0]}
    set_label_columns(layer, pd.DataFrame({"object": [2, 5], "name": ["x", "y"], "volume_ml": [1.5, 2.5]}))
    table = layer.features.set_index("index")
    assert table.index.tolist() == [0, 2, 5, 9]
    assert table["volume_ml"].tolist()[1:3] == [1.5, 2.5]
    assert np.isnan(table["volume_ml"][9])
    assert table["grade"][2] == 3.0
    assert label_names(layer) == {0: "background", 2: "liver", 9: "gone"}
    set_label_columns(layer, pd.DataFrame({"object": [5], "volume_ml": [9.0]}))
    again = layer.features.set_index("index")
    assert list(again.columns) == ["name", "grade", "volume_ml"]
    assert again["volume_ml"][5] == 9.0
    assert np.isnan(again["volume_ml"][2])
    set_label_name(layer, 5, "spleen")
    assert label_names(layer)[5] == "spleen"
    assert layer.features.set_index("index")["volume_ml"][5] == 9.0


def test_a_table_whose_rows_are_labels_gets_their_numbers() -> None:
    layer = Labels(np.zeros((4, 5), np.uint8))
    layer.features = {"name": ["", "one", "two"]}
    set_label_columns(layer, pd.DataFrame({"object": [2], "area": [4.0]}))
    assert label_names(layer) == {1: "one", 2: "two"}
    assert layer.features.set_index("index")["area"][2] == 4.0
