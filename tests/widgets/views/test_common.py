"""What the panels have in common."""

from __future__ import annotations

FILM = {"axis_labels": ("t", "y", "x")}


def test_tooltips_speak_of_frames_in_a_film_and_of_slices_in_a_volume(make_driver, volume_data):
    driver = make_driver(volume_data, **FILM)
    driver.click(6, 20, 25)
    shown = [
        driver.widget.run,
        driver.widget.prompt,
        driver.widget.review,
        driver.widget.advanced,
        driver.widget.finish,
    ]
    texts = [child.toolTip() for panel in shown for child in panel.findChildren(type(driver.widget.run.stop_button))]
    assert any("frame" in text for text in texts)
    assert not [text for text in texts if "slice" in text.lower()]
    stack = driver.viewer.add_image(volume_data.copy(), name="stack")
    driver.controller.selection.choose_image(stack)
    driver.settle()
    texts = [child.toolTip() for panel in shown for child in panel.findChildren(type(driver.widget.run.stop_button))]
    assert any("slice" in text for text in texts)
    assert not [text for text in texts if "frame" in text.lower()]
