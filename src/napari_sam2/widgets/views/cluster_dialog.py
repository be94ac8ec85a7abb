"""Asks for the address of a Dask cluster whose worker shall compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QInputDialog, QMessageBox

from napari_sam2.engine.remote.connection import ENCRYPTED_OR_LOCAL, UNENCRYPTED, is_safe, scheduler_address
from napari_sam2.engine.remote.known_clusters import known_clusters, remember_cluster

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_DEFAULT = "127.0.0.1:8786"
_WARNING = (
    "{} is another computer, and the connection would not be encrypted: whoever can listen on the network sees your "
    "images, and can run programs here and there.\n\nWith certificates in Dask's configuration it is encrypted."
)


def ask_for_cluster(parent: QWidget) -> str:
    """Return the device that the user chose, such as ``dask://127.0.0.1:8786``; empty where he chose none.

    Without encryption, another computer has to be confirmed.
    """
    address, accepted = QInputDialog.getItem(
        parent, "On a Dask worker", "Address of the scheduler, HOST:PORT", [*known_clusters(), _DEFAULT], 0, True
    )
    address = address.strip().rpartition("://")[2]
    if not accepted or not address:
        return ""
    protocol = ENCRYPTED_OR_LOCAL
    if not is_safe(scheduler_address(protocol + address)):
        if not _confirmed(parent, address):
            return ""
        protocol = UNENCRYPTED
    remember_cluster(address)
    return protocol + address


def _confirmed(parent: QWidget, address: str) -> bool:
    asked = QMessageBox(QMessageBox.Icon.Warning, "Not encrypted", _WARNING.format(address), parent=parent)
    connect = asked.addButton("Connect without encryption", QMessageBox.ButtonRole.AcceptRole)
    asked.addButton(QMessageBox.StandardButton.Cancel)
    asked.exec()
    return asked.clickedButton() is connect
