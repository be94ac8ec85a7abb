"""Figures as people say them."""

import pytest

from napari_sam2.wording import duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (0.4, "1 s"), (89, "89 s"), (90, "2 min"), (5390, "90 min"), (5400, "1.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
