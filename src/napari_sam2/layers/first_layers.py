"""What napari imports when the first layer of a kind is made, imported before the user waits for it."""

from __future__ import annotations

import numpy as np


def import_what_layers_need() -> None:
    """Make a small layer of each kind that we show, and forget it; safe in a worker, no viewer sees them.

    napari puts off large imports (pandas for points, parts of SciPy and the colours for labels) until then.
    """
    from napari.layers import Labels, Points, Shapes

    Points(ndim=2)
    Shapes(ndim=2)
    Labels(np.zeros((1, 1), np.uint8))
