"""Bars on the error stream."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from napari_sam2.core.formatting import frame_word

if TYPE_CHECKING:
    from napari_sam2.session import VideoSession
    from napari_sam2.session.tracking.planning import Direction


def propagate_with_bar(session: VideoSession, direction: Direction = "both") -> None:
    """Propagate all objects and show a bar of the frames."""
    from tqdm import tqdm

    with tqdm(
        total=session.frame_count, unit=frame_word(session.grid.frame_axis), desc="propagating", file=sys.stderr
    ) as bar:

        def show(done: int, total: int, stage: str) -> None:
            bar.total = total
            bar.set_description(stage, refresh=False)
            bar.update(done - bar.n)

        for _ in session.propagate(direction, progress=show):
            pass
