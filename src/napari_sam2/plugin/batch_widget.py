"""The dock widget *Run over many images*: a form made of a typed function, and the list of its results.

Annotations are evaluated here (no ``annotations`` of the future): magicgui cannot find the one of what is returned.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import napari.viewer
from magicgui import magic_factory
from qtpy.QtCore import QTimer

from napari_sam2.engine.catalog.model_files import path_of
from napari_sam2.engine.catalog.registry import known_models
from napari_sam2.errors import NapariSam2Error
from napari_sam2.layers.proxy import unwrapped
from napari_sam2.plugin.study_docks import show_segment
from napari_sam2.widgets import PLUGIN
from napari_sam2.widgets.controllers.batch import BatchController, BatchRequest
from napari_sam2.widgets.views.batch_results import BatchResults

if TYPE_CHECKING:
    from magicgui.widgets import FunctionGui

    from napari_sam2.batch import Job

Source = Literal["a table (CSV)", "a folder"]


def models_here(_: Any = None) -> list[tuple[str, str]]:
    """Return ``(title, name)`` of the models that are on this computer."""
    try:
        entries = known_models()
    except NapariSam2Error:
        return [("starter", "starter")]
    return [(e.title, name) for name, e in entries.items() if (path := path_of(e)) is not None and path.is_file()]


def _complete(form: "FunctionGui[BatchRequest]") -> None:
    """Put buttons and the list of results below the form, and have a controller work them."""
    results = BatchResults(form.native)
    form.native.layout().addWidget(results)

    def request() -> BatchRequest:
        names = ("jobs", "out", "model", "device", "scheduler")
        return BatchRequest(*(form[name].value for name in names))

    def open_case(job: "Job", session: Path | None) -> None:
        show_case(unwrapped(form.viewer.value), job, session)

    def show_busy() -> None:
        form.call_button.enabled = not controller.busy

    controller = BatchController(results, request, open_case, form.native)
    form.results, form.controller = results, controller
    form.source.changed.connect(lambda source: setattr(form.jobs, "mode", "d" if source == "a folder" else "r"))
    form.called.connect(controller.start)
    # magicgui enables its button when the call returns, which is before the batch ends.
    controller.running_changed.connect(lambda _: QTimer.singleShot(0, show_busy))
    form.native.destroyed.connect(controller.close)


@magic_factory(
    widget_init=_complete,
    call_button="Run",
    source={"label": "Jobs from", "tooltip": "docs/batch.md has the columns of the table and the names in a folder."},
    jobs={
        "label": "Jobs",
        "mode": "r",
        "tooltip": "A CSV file with a line for each image, or a folder of images with their prompts beside them.",
    },
    out={"label": "Results", "mode": "d", "tooltip": "A folder; each case gets one in it. Run again to go on."},
    model={"label": "Model", "choices": models_here, "tooltip": "Of the jobs that name none; those on this computer."},
    device={
        "label": "Device",
        "choices": ["auto", "cpu", "cuda", "mps"],
        "tooltip": "auto: graphics card, else CPU.",
    },
    scheduler={
        "label": "Dask cluster",
        "tooltip": "Address of a running scheduler, such as tls://server:8786; empty: this computer.",
    },
)
def run_many_images(
    viewer: napari.viewer.Viewer,
    source: Source = "a table (CSV)",
    jobs: Path = Path(),
    out: Path = Path(),
    model: str = "starter",
    device: str = "auto",
    scheduler: str = "",
) -> BatchRequest:
    """Segment many images from their prompts; see :func:`napari_sam2.run_batch`.

    Returns
    -------
    BatchRequest
        What to run; the form hands it to its controller.
    """
    return BatchRequest(jobs, out, model, device, scheduler.strip())


def show_case(viewer: napari.viewer.Viewer, job: "Job", session: Path | None) -> None:
    """Show a case with its image, its marks and masks in *Segment with SAM 2*; without a session, its image alone.

    Parameters
    ----------
    viewer
        The viewer.
    job
        The job of the case.
    session
        Its session file; None where it has none.
    """
    widget = show_segment(viewer)
    if session is None:
        viewer.open(job.image, plugin=PLUGIN)
    else:
        widget.controller.files.open(str(session))
