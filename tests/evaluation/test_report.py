"""What the tables of an evaluation say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_sam2.evaluation import to_markdown


def test_tables_report_sharp_and_coarse_sets_apart() -> None:
    """A pack is one row, however many cases it has; each set counts as much as another."""

    def row(name: str, obj: int, dice: float, coarse: bool) -> dict[str, Any]:
        figures = {"dice": dice, "dice_prompted": 1.0, "dice_copy": dice / 2, "hd95": 1.0, "dice_corrected": np.nan}
        return {"set": name, "object": obj, "name": "", "prompt": "box", "frame": 0, **figures, "coarse": coarse}

    rows = [
        row("one", 1, 0.9, False),
        row("pack/000", 1, 0.2, True),
        row("pack/000", 2, 0.4, True),
        row("pack/001", 1, 0.6, True),
        row("other", 1, 0.8, True),
        row("mixed/000", 1, 0.5, True),
        row("mixed/001", 1, 0.7, False),
    ]
    text = to_markdown(pd.DataFrame(rows), "model", ["Not scored: a, which b."])
    assert "| one | 1 | 0.450 | 0.900 |" in text
    assert "| pack (coarse) | 3 | 0.200 | 0.400 |" in text
    assert "| mixed | 1 | 0.350 | 0.700 |" in text
    assert "| mixed (coarse) | 1 | 0.250 | 0.500 |" in text
    assert "| **mean of sharp sets** |  | 0.400 | **0.800** |" in text
    assert "| **mean of coarse sets** |  | 0.283 | **0.567** |" in text
    assert "| **mean of sets** |  | 0.330 | **0.660** |" in text
    assert "pixels of 3 mm or more" in text
    assert "Not scored: a, which b." in text
    sharp = to_markdown(pd.DataFrame(rows[:1]), "model")
    assert "sharp" not in sharp
    assert "| **mean of sets** |" in sharp
