"""The address of a cluster, and the question that comes before an unencrypted connection."""

from __future__ import annotations

import dask
import pytest
from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_sam2.engine.remote.known_clusters import known_clusters
from napari_sam2.widgets.views.model_panel import ModelPanel


@pytest.fixture(autouse=True)
def _settings(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_SAM2_SETTINGS", str(tmp_path / "settings" / "settings.json"))


@pytest.fixture
def panel(qtbot):
    made = ModelPanel()
    qtbot.addWidget(made)
    made.set_devices([("auto", "auto"), ("CPU", "cpu")], "cpu")
    return made


@pytest.fixture
def choose(panel, monkeypatch):
    """Choose the last entry, type an address, and answer the question, if there is one."""

    def choose(address, confirm=False):
        offered, asked, chosen = [], [], []

        def type_in(parent, title, label, items, *_):
            offered.extend(items)
            return address or "", address is not None

        monkeypatch.setattr(QInputDialog, "getItem", type_in)

        def answer(box):
            asked.append(box.text())
            box.clickedButton = lambda: box.buttons()[0 if confirm else 1]
            return 0

        monkeypatch.setattr(QMessageBox, "exec", answer)
        panel.device_chosen.connect(chosen.append)
        panel.device_box.activated.emit(panel.device_box.count() - 1)
        panel.device_chosen.disconnect(chosen.append)
        return chosen, asked, offered

    return choose


def test_this_computer_needs_no_question_and_is_remembered(panel, choose) -> None:
    chosen, asked, offered = choose(" tcp://127.0.0.1:9000 ")
    assert chosen == ["dask://127.0.0.1:9000"]
    assert asked == []
    assert offered == ["127.0.0.1:8786"]
    assert known_clusters() == ["127.0.0.1:9000"]
    _, _, offered = choose("localhost:1")
    assert offered == ["127.0.0.1:9000", "127.0.0.1:8786"]
    # The list itself shows the device in use until the choice is taken up.
    assert panel.device_box.currentData() == "cpu"


def test_another_computer_without_encryption_has_to_be_confirmed(choose) -> None:
    chosen, asked, _ = choose("gpu-server:8786")
    assert chosen == []
    assert "gpu-server:8786 is another computer" in asked[0]
    assert known_clusters() == []
    chosen, _, _ = choose("gpu-server:8786", confirm=True)
    assert chosen == ["dask-unencrypted://gpu-server:8786"]
    assert known_clusters() == ["gpu-server:8786"]


def test_with_certificates_another_computer_needs_no_question(choose, tmp_path) -> None:
    with dask.config.set({"distributed.comm.tls.client.cert": str(tmp_path / "cert.pem")}):
        chosen, asked, _ = choose("gpu-server:8786")
    assert chosen == ["dask://gpu-server:8786"]
    assert asked == []


def test_cancelling_changes_nothing(choose) -> None:
    assert choose(None)[0] == []
    assert choose("  ")[0] == []
