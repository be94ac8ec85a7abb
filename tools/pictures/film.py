"""An animation that is put together from what a window shows."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_WIDTH = 1000
_MOST_BYTES = 950_000
_QUALITIES = (75, 65, 55, 45, 35, 25)
logger = logging.getLogger(__name__)


@dataclass
class Film:
    """Frames with the time that each is shown.

    Parameters
    ----------
    grab
        Gives the window as ``(Y, X, 3 or 4) uint8``.
    frames
        ``(picture, milliseconds)``, in their order.
    """

    grab: Callable[[], NDArray[np.uint8]]
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)

    def add(self, milliseconds: int = 900) -> None:
        """Show the window as it is now, for so long."""
        picture = Image.fromarray(np.asarray(self.grab())[..., :3])
        height = round(picture.height * _WIDTH / picture.width)
        small = picture.resize((_WIDTH, height), Image.Resampling.LANCZOS)
        if self.frames and np.array_equal(np.asarray(self.frames[-1][0]), np.asarray(small)):
            before, shown = self.frames.pop()
            self.frames.append((before, shown + milliseconds))
        else:
            self.frames.append((small, milliseconds))

    def watch(
        self, busy: Callable[[], bool], turn: Callable[[], None], most: int = 24, patience_s: float = 600
    ) -> None:
        """Show what happens while something runs: ``most`` pictures at the most, each for a moment.

        Parameters
        ----------
        busy
            Whether it still runs.
        turn
            Lets the window work for a moment.
        most
            How many pictures; a run that lasts longer than expected gets every second one of them, and so on.
        patience_s
            After so many seconds it is given up.
        """
        before = len(self.frames)
        pause, last, end = 0.05, 0.0, time.monotonic() + patience_s
        while busy() and time.monotonic() < end:
            turn()
            if time.monotonic() - last >= pause:
                self.add(90)
                last = time.monotonic()
                if len(self.frames) - before > most:
                    self.frames[before:] = self.frames[before::2]
                    pause *= 2
        self.add(900)

    def save(self, path: Path) -> None:
        """Write an animated WebP of less than 1 MB, with the best quality that this leaves.

        Raises
        ------
        ValueError
            Where even the lowest quality takes more.
        """
        pictures = [picture for picture, _ in self.frames]
        times = [shown for _, shown in self.frames]
        for quality in _QUALITIES:
            content = BytesIO()
            pictures[0].save(
                content,
                "WEBP",
                save_all=True,
                append_images=pictures[1:],
                duration=times,
                loop=0,
                quality=quality,
                method=4,
                minimize_size=True,
            )
            if content.tell() < _MOST_BYTES:
                path.write_bytes(content.getvalue())
                logger.info("%s: %d frames, %d kB, quality %d", path, len(times), content.tell() // 1000, quality)
                return
        raise ValueError(f"{path.name} with {len(times)} frames takes {content.tell()} bytes; leave some frames out.")
