"""Figures as people say them."""

import pytest

from napari_sam2.core.formatting import duration, frame_word, in_terms_of


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (0.4, "1 s"), (89, "89 s"), (90, "2 min"), (5390, "90 min"), (5400, "1.5 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("axis", "count", "word"),
    [("t", 1, "frame"), ("t", 2, "frames"), ("z", 1, "slice"), ("x", 0, "slices"), (None, 1, "slice")],
)
def test_a_frame_of_a_volume_is_a_slice(axis: str | None, count: int, word: str) -> None:
    assert frame_word(axis, count) == word


def test_a_text_takes_the_word_of_the_axis_and_back() -> None:
    text = "Slices stay; this slice is one of the slices. Key: S"
    assert in_terms_of(text, "t") == "Frames stay; this frame is one of the frames. Key: S"
    assert in_terms_of(in_terms_of(text, "t"), "z") == text
