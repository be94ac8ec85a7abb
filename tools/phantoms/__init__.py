"""Made-up patients and cells: the code that writes the sample files.

Everything is computed from formulas and a fixed seed, so the samples carry no licence but ours and no
patient's data. ``python -m tools.phantoms FOLDER`` writes them anew.
"""

from tools.phantoms.cells import CellMovie, make_cells
from tools.phantoms.ct import CT_NAMES, make_ct
from tools.phantoms.mr import MR_NAMES, make_mr
from tools.phantoms.writing import write_samples

__all__ = ["CT_NAMES", "MR_NAMES", "CellMovie", "make_cells", "make_ct", "make_mr", "write_samples"]
