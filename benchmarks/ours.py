"""This project's engine as a user has it: a session, prompts, propagation, masks as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import Clip
from napari_sam2.core.volume import ImageVolume
from napari_sam2.engine.sam2.tracking.video_predictor import Sam2VideoPredictor
from napari_sam2.session import VideoSession

Masks = dict[tuple[int, int], NDArray[np.bool_]]
"""(object, frame) → mask at the size of the slices."""


class Ours:
    """A session on a clip, with nothing encoded yet.

    Parameters
    ----------
    predictor
    clip
    stop_when_gone
        As of `VideoSession.propagate`; 0 makes it compute every slice, as the peers do.
    fresh
        Whether the embeddings of the predictor are thrown away.
    """

    name = "napari-sam2"

    def __init__(
        self, predictor: Sam2VideoPredictor, clip: Clip, stop_when_gone: int | None, fresh: bool = True
    ) -> None:
        if fresh:
            predictor.store.clear()
        self._clip, self._patience = clip, stop_when_gone
        volume = ImageVolume(clip.array, axes="zyx", window=(0.0, 1.0))
        # Objects know nothing of each other, as with the peers; by default those of a volume share no pixel.
        self.session = VideoSession(predictor, volume, neighbours="free")

    def prompt(self) -> None:
        """Prompt every object by a box on the first slice."""
        for index, box in enumerate(self._clip.boxes):
            self.session.add_box(index + 1, 0, box)

    def first(self) -> Masks:
        """Prompt, and propagate."""
        self.prompt()
        return self._propagate()

    def again(self) -> Masks:
        """Correct the first object by a click on the middle slice, and propagate again."""
        self.session.add_points(1, self._clip.corrected, [self._clip.clicks[0]], [1])
        return self._propagate()

    def preview(self, shift: float) -> None:
        """Click on the second slice, a few pixels to the right, in place of the click before."""
        y, x = self._clip.clicks[0]
        self.session.set_prompts(1, 1, [(y, x + shift)], [1])
        self.session.predict_frame(1)

    def _propagate(self) -> Masks:
        for _ in self.session.propagate("forward", stop_when_gone=self._patience):
            pass
        masks: Masks = {}
        for obj_id in range(1, len(self._clip.boxes) + 1):
            for frame in range(self._clip.frames):
                mask = self.session.mask(obj_id, frame)
                assert mask is not None
                masks[obj_id, frame] = mask
        return masks
