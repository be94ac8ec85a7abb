"""Read files for napari in a window: which series to open, the slider's room, and work in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.io.dicom.lazy import LazyStack
from napari_sam2.layers.axis_names import VOLUME_KEY
from napari_sam2.layers.contrast import give_ranges_in
from napari_sam2.layers.volume_layers import is_ours, read_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_sam2.errors import SeveralSeriesError
    from napari_sam2.layers.volume_layers import LayerData


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return a reader for images of our formats; None for anything else."""
    return read_and_ask if is_ours(path) else None


def read_and_ask(path: str | Sequence[str]) -> list[LayerData]:
    """Read what the paths hold; where a folder holds several series, those that the user chooses.

    Without a window, as in a script, several series are an error that lists them. A large DICOM series shows
    its first slice at once, and the rest is decoded by a worker with a progress bar.
    """
    layers = read_layers(path, choose=ask)
    make_room()
    for data, options, _ in layers:
        _tell(options)
        if isinstance(data, LazyStack):
            _load_in_background(data, str(options["name"]))
    # napari takes an empty list for a failure; this is how a reader says that there is nothing to show.
    return layers or [(None,)]  # type: ignore[list-item]


def ask(place: Path, error: SeveralSeriesError) -> list[int]:
    """Return the indices of the series that the user chose, none if he cancelled; without a window, the error."""
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None:
        raise error
    from napari_sam2.widgets.views.series_dialog import SeriesDialog

    dialog = SeriesDialog(place.name, error.series, QApplication.activeWindow())
    accepted = dialog.exec()
    return dialog.chosen() if accepted else []


def make_room() -> None:
    """Let the layers that are about to come into the window have the range of their values."""
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is not None:
        import napari

        give_ranges_in(napari.current_viewer())


def _tell(options: dict[str, Any]) -> None:
    """Say what was assumed and what was left out; without a window the log has it."""
    from qtpy.QtWidgets import QApplication

    source = options["metadata"][VOLUME_KEY].source
    if QApplication.instance() is None or source is None:
        return
    sentences = list(source.notes)
    if source.skipped:
        name, reason = source.skipped[0]
        others = len(source.skipped) - 1
        sentences.append(f"skipped {name} ({reason})" + (f" and {others} more" if others else ""))
    if sentences:
        from napari.utils.notifications import show_info

        show_info(f"{options['name']}: {'; '.join(sentences)}.")


def _load_in_background(stack: LazyStack, name: str) -> Any:
    """Decode the rest of a stack in napari's own worker, which its window waits for and can cancel."""
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is None:
        return None
    from napari.qt.threading import create_worker

    from napari_sam2.widgets.workers import NamedCall

    missing = stack.shape[0] if stack.ndim == 3 else stack.shape[0] * stack.shape[1]
    progress = {"total": missing - stack.decoded, "desc": f"Reading {name}"}
    load = NamedCall.of(stack.load, lambda: f"reading {name}")
    worker = create_worker(load, _progress=progress, _start_thread=False)
    # A damaged slice is told when it is looked at, by the error that names its file.
    worker.start()
    return worker
