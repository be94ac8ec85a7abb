"""Asks in which folder labels live that are too large for the memory."""

# Annotations are not postponed here: magicgui reads them.
from pathlib import Path
from typing import Annotated

from magicgui import magicgui
from qtpy.QtWidgets import QWidget

from napari_sam2.widgets.views.form_dialog import FormDialog


class PlaceDialog(FormDialog):
    """A folder; :meth:`folder` has the answer once it was accepted.

    Parameters
    ----------
    folder
        The one that was chosen before; None: none.
    where
        Where the labels of the current image are now.
    parent
        Owner in Qt.
    """

    def __init__(self, folder: Path | None, where: str, parent: QWidget | None = None) -> None:
        self.fields = magicgui(_fields, call_button=False, labels=False)
        self.fields.update(own=folder is not None, folder=folder or Path.home())
        self.fields.folder.changed.connect(lambda _: setattr(self.fields.own, "value", True))
        hint = (
            "Labels of more than 1 GiB are kept on disk, slice by slice as they are computed. By default they lie in "
            f"an OME-Zarr image, else beside the session's file.\nNow: {where}"
        )
        super().__init__("Where large labels are kept", self.fields, hint, parent=parent)

    def folder(self) -> Path | None:
        """Return the folder that the form shows; None for the default."""
        return Path(self.fields.folder.value) if self.fields.own.value else None


def _fields(
    own: Annotated[bool, {"text": "in a folder of my choice:"}] = False,
    folder: Annotated[Path, {"mode": "d", "label": "folder"}] = Path(),
) -> None:
    """Ask for a folder."""
