"""``python -m napari_sam2.cli``."""

import sys

from napari_sam2.cli.commands import main

sys.exit(main())
