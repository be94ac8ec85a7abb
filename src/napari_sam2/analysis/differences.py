"""Where labels and truth differ, as a label image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.analysis.labelled_objects import LabelledObjects, checked_id
from napari_sam2.analysis.matching import Match, matched_pairs
from napari_sam2.errors import VolumeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.core.volume import ImageVolume

AGREEMENT, FALSE_POSITIVE, FALSE_NEGATIVE, OTHER_OBJECT = 1, 2, 3, 4
DIFFERENCE_NAMES = {
    AGREEMENT: "agreement",
    FALSE_POSITIVE: "false positive",
    FALSE_NEGATIVE: "false negative",
    OTHER_OBJECT: "another object",
}


def label_differences(
    labels: Any,
    truth: Any,
    volume: ImageVolume,
    obj_id: int | None = None,
    *,
    match: Match = "number",
    objects: Iterable[int] | None = None,
    truth_objects: Iterable[int] | None = None,
) -> NDArray[np.uint8]:
    """Mark where labels and truth agree and where they differ.

    Parameters
    ----------
    labels, truth, volume, match, objects, truth_objects
        As of :func:`napari_sam2.compare_labels`.
    obj_id
        The object to look at, by its number in `labels`; default: all together.

    Returns
    -------
    ndarray
        uint8 on the volume's grid: 0 where neither has an object, 1 agreement, 2 false positive (labels only),
        3 false negative (truth only), and 4 where both have an object, but not the same
        (``DIFFERENCE_NAMES``). With `obj_id` there is no 4: other objects are background.

    Raises
    ------
    VolumeError
        If one of the two does not fit the volume, or neither has the object.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_sam2.core.volume import ImageVolume
    >>> labels, truth = np.array([[0, 1, 1, 2]]), np.array([[1, 1, 0, 1]])
    >>> label_differences(labels, truth, ImageVolume(np.zeros((1, 4)), axes="yx")).tolist()
    [[3, 1, 2, 4]]
    """
    ours = LabelledObjects.of(labels, volume, "labels", objects)
    true = LabelledObjects.of(truth, volume, "true labels", truth_objects)
    pairs = matched_pairs(ours, true, match)
    if obj_id is not None:
        pairs = [pair for pair in pairs if pair[0] == checked_id(obj_id)]
        if not pairs:
            raise VolumeError(f"There is no object {obj_id} to compare.")
    found, wanted, agreed = np.zeros((3, *volume.label_shape), dtype=bool)
    our_boxes, true_boxes = ours.boxes(), true.boxes()
    for our_id, true_id in pairs:
        for box in (our_boxes.get(our_id), true_boxes.get(true_id)):
            if box is not None:
                one, other = ours.mask(our_id, box), true.mask(true_id, box)
                found[box] |= one
                wanted[box] |= other
                agreed[box] |= one & other
    differences = np.zeros(volume.label_shape, dtype=np.uint8)
    differences[found & wanted] = OTHER_OBJECT
    differences[agreed] = AGREEMENT
    differences[found & ~wanted] = FALSE_POSITIVE
    differences[wanted & ~found] = FALSE_NEGATIVE
    return differences
