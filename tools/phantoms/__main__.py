"""``python -m tools.phantoms FOLDER``: write the sample files into a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.phantoms.writing import write_samples


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m tools.phantoms", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    write_samples(parser.parse_args().folder)


if __name__ == "__main__":
    main()
