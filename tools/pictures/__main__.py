"""Make pictures and animations: ``python -m tools.pictures``; on a server with ``xvfb-run -a`` before it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from pathlib import Path

from napari_sam2.engine.catalog.model_files import MODELS_VARIABLE
from napari_sam2.session.storage.locations import FOLDER_VARIABLE
from tools.pictures import times, volumes
from tools.pictures.stage import Stage

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SCENES = {
    scene.__name__: scene
    for scene in (
        volumes.organ_ct,
        volumes.lesion_mr,
        times.cells,
        times.divisions,
        times.four_d,
        volumes.correct,
        volumes.dicom,
        times.study,
        volumes.models,
    )
}


def main() -> int:
    """Make what was asked for; go on after a scene that fails, and tell at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=list(SCENES), help="a scene; may be repeated (default: all)")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    arguments = parser.parse_args()
    only = arguments.only or list(SCENES)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    Stage.out = arguments.out.resolve()
    failed = []
    for name in only:
        with tempfile.TemporaryDirectory() as folder:
            # Sessions of these windows are nobody's work, and none is asked about in the next one.
            os.environ[FOLDER_VARIABLE] = folder
            os.environ[MODELS_VARIABLE] = folder  # and no model but the bundled one is here
            try:
                SCENES[name]()
            except Exception:
                logging.exception("the scene %s failed", name)
                failed.append(name)
    if failed:
        logging.error("failed: %s", ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
