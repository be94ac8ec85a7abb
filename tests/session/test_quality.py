"""The figures of masks."""

from __future__ import annotations


def test_scores(session):
    session.add_box(1, 3, (2, 2, 6, 6))
    list(session.propagate())
    table = session.scores(1)
    assert list(table.columns[:5]) == ["iou", "object_score", "area_px", "locked", "doubtful"]
    assert list(table.index) == list(range(20))
    assert table.loc[3, "area_px"] == 16
