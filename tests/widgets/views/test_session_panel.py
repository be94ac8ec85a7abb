"""The panel of the session's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_sam2.widgets.views.session_panel import SessionPanel

FILES = [Path("/data/one.sam2"), Path("/data/two.sam2")]


@pytest.fixture
def panel(qtbot):
    made = SessionPanel()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def opened(panel):
    found = []
    panel.open_chosen.connect(found.append)
    return found


def test_files_are_offered_in_their_menus(panel, opened):
    panel.set_lists(FILES, FILES[1:])
    panel.recent_menu.actions()[1].trigger()
    panel.recover_menu.actions()[0].trigger()
    assert opened == [str(FILES[1])] * 2
    panel.set_lists([], [])
    assert not panel.recent_menu.isEnabled()
    assert not panel.recover_menu.isEnabled()


def test_where_the_session_is_kept_or_why_it_is_not(panel):
    panel.set_file(FILES[0], "unused")
    assert panel.file_label.text() == "one.sam2"
    assert panel.file_label.toolTip().endswith(str(FILES[0]))
    panel.set_file(None, "nothing to keep yet")
    assert panel.file_label.text() == "nothing to keep yet"


def test_an_offer_is_one_click(panel, opened):
    panel.set_offer("Recover two.sam2", FILES[1])
    assert not panel.offer_button.isHidden()
    panel.offer_button.click()
    assert opened == [str(FILES[1])]
    panel.set_offer("", None)
    assert panel.offer_button.isHidden()


@pytest.mark.parametrize(("typed", "saved"), [("/a/b", ["/a/b.sam2"]), ("/a/b.sam2", ["/a/b.sam2"]), ("", [])])
def test_a_saved_session_has_its_suffix(panel, monkeypatch, typed, saved):
    found = []
    panel.save_chosen.connect(found.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (typed, ""))
    panel.save_action.trigger()
    assert found == saved


def test_dialogs_begin_in_the_folder_of_the_session(panel, monkeypatch, opened):
    folders = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: (folders.append(given[2]), ("", ""))[1])
    panel.set_file(FILES[0], "")
    panel.open_action.trigger()
    assert folders == ["/data"]
    assert opened == []
