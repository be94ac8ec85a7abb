"""One mask out of several of the same object, such as those of tracking along z, y and x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_sam2.errors import NapariSam2Error

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rule = Literal["vote", "mean"]
RULES: tuple[Rule, ...] = ("vote", "mean")


def fuse_masks(
    stacks: Sequence[NDArray[Any]], rule: Rule = "vote", known: Sequence[NDArray[np.bool_]] | None = None
) -> NDArray[np.bool_]:
    """Fuse several masks of one object on one grid.

    Parameters
    ----------
    stacks
        Arrays of one shape, e.g. (Z, Y, X), all with their axes in the same order. For ``"vote"`` bool masks, for
        ``"mean"`` logits (float), where NaN is no opinion.
    rule
        ``"vote"``: inside where more than half of the masks are; of two masks, where both are.
        ``"mean"``: inside where the mean of the logits is above zero.
    known
        For each stack, bool of the same shape: where it has an opinion, such as the frames that were tracked.
        Default: everywhere. Only those count; where there is none, the result is outside.

    Returns
    -------
    ndarray
        bool, of the same shape.

    Raises
    ------
    NapariSam2Error
        If the arrays do not fit each other or the rule.

    Examples
    --------
    >>> import numpy as np
    >>> votes = [np.array([1, 1, 0], bool), np.array([1, 0, 0], bool), np.array([1, 1, 1], bool)]
    >>> fuse_masks(votes).astype(int).tolist()
    [1, 1, 0]
    >>> fuse_masks([np.array([3.0, -1.0]), np.array([-1.0, -0.5])], rule="mean").astype(int).tolist()
    [1, 0]
    """
    if rule not in RULES:
        raise NapariSam2Error(f"rule={rule!r} is not possible; choose one of {', '.join(RULES)}.")
    arrays = [np.asarray(stack) for stack in stacks]
    if not arrays:
        raise NapariSam2Error("There are no masks to fuse.")
    if known is not None and len(known) != len(arrays):
        raise NapariSam2Error(f"known= has {len(known)} arrays for {len(arrays)} masks.")
    opinions = [None] * len(arrays) if known is None else [np.asarray(k) for k in known]
    for array, opinion in zip(arrays, opinions, strict=True):
        if array.shape != arrays[0].shape or (opinion is not None and opinion.shape != arrays[0].shape):
            raise NapariSam2Error(f"The masks must have one shape, not {arrays[0].shape} and {array.shape}.")
        if (array.dtype == np.bool_) != (rule == "vote") or array.dtype.kind not in "bf":
            wanted = "bool masks" if rule == "vote" else "logits, which are floats"
            raise NapariSam2Error(f"The rule {rule!r} takes {wanted}, not {array.dtype}.")
    balance = np.zeros(arrays[0].shape, dtype=np.int16 if rule == "vote" else np.float32)
    for array, opinion in zip(arrays, opinions, strict=True):
        # Above zero in the sum is above zero in the mean of those that count.
        votes = _balance(array)
        balance += votes if opinion is None else np.where(opinion, votes, 0).astype(balance.dtype)
    inside: NDArray[np.bool_] = balance > 0
    return inside


def _balance(array: NDArray[Any]) -> NDArray[Any]:
    """Return votes for and against as 1 and -1, and logits as they are, without NaN."""
    if array.dtype == np.bool_:
        return np.where(array, 1, -1).astype(np.int16)
    # Infinite logits would not add up.
    return np.nan_to_num(array.astype(np.float32), nan=0.0, posinf=1e6, neginf=-1e6)
