"""``python -m napari_sam2.phantoms FOLDER``: write the sample files into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_sam2.phantoms.writing import write_samples


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m napari_sam2.phantoms", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    write_samples(parser.parse_args().folder)


if __name__ == "__main__":
    main()
