"""The models and devices as the dock widget offers them: lists, downloads, the user's own files, unload, self-check."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.core.formatting import duration
from napari_sam2.engine.catalog import user_models
from napari_sam2.engine.catalog.model_files import SUFFIXES
from napari_sam2.engine.catalog.registry import MODELS, ModelEntry
from napari_sam2.engine.remote.connection import is_remote
from napari_sam2.errors import CheckpointError, DownloadCancelledError, NapariSam2Error
from napari_sam2.interaction.loaded_model import ModelChoice
from napari_sam2.interaction.preferences import remember_choice, remembered_choice
from napari_sam2.widgets.controllers.model_lookup import find_devices, find_models
from napari_sam2.widgets.controllers.model_texts import describe, facts, good_for, short
from napari_sam2.widgets.workers import JobQueue, memory_in_use

if TYPE_CHECKING:
    from napari_sam2.engine.catalog.download import DownloadProgress
    from napari_sam2.interaction.preferences import Preferences
    from napari_sam2.widgets.controllers.context import ControllerContext
    from napari_sam2.widgets.controllers.view_protocols import MaintenanceView, ModelView

REFRESH_MS = 100


class Models(QObject):
    """Fills the model panel and does what it says.

    Parameters
    ----------
    context
        Knows images and sessions, and queues the work.
    panel, advanced
        The views.
    preferences
        Remembers model and device.
    """

    report_ready = Signal(str)
    # Another model or device was chosen, or the chosen one is there now.
    model_changed = Signal()
    # The model is about to be used otherwise, or to go: work ahead has to stop.
    pause_wanted = Signal()

    def __init__(
        self,
        context: ControllerContext,
        panel: ModelView,
        advanced: MaintenanceView,
        preferences: Preferences,
    ) -> None:
        super().__init__(context)
        self._context = context
        self._panel = panel
        self._model_cache = context.selection.model_cache
        self._entries: dict[str, ModelEntry] = dict(MODELS)
        # Until it was looked for, what is not in the package counts as there: choosing it must not offer a download.
        self._absent: set[str] = set()
        self._devices: list[tuple[str, str]] = [("auto", "auto"), ("CPU", "cpu")]
        self._downloading = ""
        self._cancel = threading.Event()
        self._progress: DownloadProgress | None = None
        self._lookup = JobQueue(self, "looking for models and devices")
        self._downloads = JobQueue(self, "downloading a model")
        self._checks = JobQueue(self, "checking the installation")
        self._preferences = preferences
        self._lookup.failed.connect(context.report)
        self._downloads.failed.connect(self._on_download_failed)
        self._checks.failed.connect(context.report)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._show_progress)
        panel.model_chosen.connect(self.choose)
        panel.device_chosen.connect(self.choose_device)
        panel.file_chosen.connect(self.choose_file)
        panel.action_clicked.connect(self._act)
        advanced.opened.connect(self.look_for_devices)
        advanced.unload_clicked.connect(self.unload)
        advanced.check_clicked.connect(self.self_check)
        self._model_cache.choose(remembered_choice(preferences, self._model_cache.choice))
        self.show()
        self.look()

    # ------------------------------------------------------------------ what there is

    @property
    def busy(self) -> bool:
        """Return whether models are being looked for or downloaded, or the self-check is at work."""
        return self._lookup.busy or self._downloads.busy or self._checks.busy

    @property
    def unavailable_reason(self) -> str:
        """Return why nothing can be computed with the chosen model; empty where it can."""
        name = self._model_cache.choice.name
        if name == self._downloading:
            return f"the model {name} is being downloaded."
        return f"the model {name} is not on this computer; download it, or choose another." if self._is_absent else ""

    @property
    def short_name(self) -> str:
        """Return the chosen model's name without what is good to know of it."""
        name = self._model_cache.choice.name
        entry = self._entries.get(name)
        return Path(name).name if entry is None else short(entry.title)

    @property
    def _is_absent(self) -> bool:
        return self._model_cache.choice.name in self._absent

    def look(self) -> None:
        """Look which models are on this computer; the files are asked for in a worker."""
        self._lookup.submit(find_models, self._on_found, "", key="models")

    def look_for_devices(self) -> None:
        """List the devices of this machine; it takes torch, so it waits until somebody wants to see them."""
        self._lookup.submit(find_devices, self._on_devices, "", key="devices")

    def _on_found(self, found: tuple[dict[str, ModelEntry], set[str]]) -> None:
        was_absent = self._is_absent
        self._entries, self._absent = found
        name = self._model_cache.choice.name
        if name not in self._entries and not Path(name).is_file():
            # Remembered from another time; it is no more.
            self._model_cache.choose(self._model_cache.choice._replace(name="starter"))
        self.show()
        if was_absent != self._is_absent:
            self._on_changed()

    def _on_devices(self, devices: list[tuple[str, str]]) -> None:
        self._devices = devices
        self.show()

    # ------------------------------------------------------------------ choosing

    def choose(self, name: str) -> None:
        """Work with another model; marks and masks stay."""
        self._set(self._model_cache.choice._replace(name=name))

    def choose_device(self, device: str) -> None:
        """Work on another device."""
        self._set(self._model_cache.choice._replace(device=device))

    def choose_file(self, path: str | Path) -> None:
        """Work with a checkpoint of the user's own."""
        file = Path(path)
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            self._context.report(
                CheckpointError(f"{file} is no checkpoint: take a {', '.join(SUFFIXES)} file of SAM 2.")
            )
            return
        known = next((name for name, entry in self._entries.items() if entry.path == str(file)), None)
        self.choose(known or str(file))

    def _set(self, choice: ModelChoice) -> None:
        if choice != self._model_cache.choice:
            self._model_cache.choose(choice)
            remember_choice(self._preferences, choice)
            self._on_changed()
        self.show()

    def _on_changed(self) -> None:
        """Another model or device was chosen, or the chosen one is there now: marks that wait are answered."""
        worker = self._context.selection.worker
        self.pause_wanted.emit()
        session = None if worker is None else worker.session
        name = self._model_cache.choice.name
        if session is not None and session.predictor.name != name and not self.unavailable_reason:
            self._context.show_message(f"Masks made so far stay until {name} answers or follows their marks anew.")
        self.model_changed.emit()
        self._context.changed.emit()

    # ------------------------------------------------------------------ doing

    def _act(self, action: str) -> None:
        {"download": self.download, "cancel": self.cancel, "keep": self.keep, "forget": self.forget}[action]()

    def download(self) -> None:
        """Download the chosen model, after the user's consent where it has terms."""
        entry = self._entries[self._model_cache.choice.name]
        terms = f"{entry.notice}\n\nLicence: {entry.licence}. Published by {entry.source_repo} on Hugging Face."
        if entry.notice and not self._panel.ask_consent(f"Terms of {entry.name}", terms):
            return
        self._downloading, self._progress = entry.name, None
        self._cancel = cancel = threading.Event()

        def note(progress: DownloadProgress) -> None:
            self._progress = progress

        def download() -> str:
            from napari_sam2.engine.catalog.download import download_model

            download_model(entry.name, accept_licence=True, progress=note, cancelled=cancel.is_set)
            return entry.name

        self._downloads.submit(download, self._on_downloaded, "")
        self._timer.start()
        self._show_progress()
        self.show()

    def cancel(self) -> None:
        """Stop the download; what came in is kept for the next time."""
        self._cancel.set()

    def keep(self) -> None:
        """Add the chosen file to the user's own models, under its name."""
        path = Path(self._model_cache.choice.name)
        name, number = path.stem, 2
        while name in self._entries:
            name, number = f"{path.stem}-{number}", number + 1
        try:
            user_models.add_model(name, path)
        except NapariSam2Error as error:
            self._context.report(error)
            return
        self._context.show_message(f"{path.name} is in the list as '{name}' from now on.")
        self.look()

    def forget(self) -> None:
        """Take the chosen model of the user's own out of the list; its file stays."""
        name = self._model_cache.choice.name
        try:
            user_models.remove_model(name)
        except NapariSam2Error as error:
            self._context.report(error)
            return
        self.choose("starter")
        self.look()

    def unload(self) -> None:
        """Give the memory of the loaded model back."""
        model_cache, in_use = self._model_cache, self._context.model_in_use
        self.pause_wanted.emit()

        def unload() -> str:
            before = memory_in_use()
            with in_use:
                model_cache.unload()
            freed = max(before - memory_in_use(), 0)
            return f"The model was unloaded; the process takes {freed / 1e6:.0f} MB less."

        self._context.queue(unload, self._context.show_message, "Unloading the model…")

    def self_check(self) -> None:
        """Examine installation, device, and the loaded model; `report_ready` tells the text."""
        self.pause_wanted.emit()
        self._context.show_message("The self-check is at work; it takes some seconds.")
        device, loaded = self._model_cache.choice.device, self._model_cache.loaded
        if is_remote(device):
            # What is examined is this installation.
            device = "auto"

        def examine() -> str:
            from napari_sam2.engine.diagnostics.self_check import examine

            return examine(device, loaded=loaded).text

        self._checks.submit(examine, self.report_ready.emit, "")

    def close(self) -> None:
        """Stop what is under way."""
        self._cancel.set()
        self._timer.stop()
        for queue in (self._lookup, self._downloads, self._checks):
            queue.close()

    # ------------------------------------------------------------------ downloads

    def _on_downloaded(self, name: str) -> None:
        self._end_download()
        self._absent.discard(name)
        self._context.show_message(f"{name} is on this computer now.")
        self.show()
        self._on_changed()

    def _on_download_failed(self, error: Exception) -> None:
        self._end_download()
        self.show()
        self._on_changed()
        if isinstance(error, DownloadCancelledError):
            self._context.show_message(str(error))
        else:
            self._context.report(error)

    def _end_download(self) -> None:
        self._downloading = ""
        self._timer.stop()
        self._panel.clear_progress()

    def _show_progress(self) -> None:
        now = self._progress
        if now is None:
            self._panel.set_progress(0, 0, "asking the hub…")
        elif now.stage == "checking":
            self._panel.set_progress(now.done, now.total, "checking…")
        else:
            left = "" if now.seconds_left is None else f", {duration(now.seconds_left)} left"
            self._panel.set_progress(now.done, now.total, f"{now.done / 1e6:.0f} of {now.total / 1e6:.0f} MB{left}")

    # ------------------------------------------------------------------ showing

    def show(self) -> None:
        """Fill the panel with what is known now."""
        choice, panel = self._model_cache.choice, self._panel
        rows = [(self._title(name), name, describe(entry)) for name, entry in self._entries.items()]
        if choice.name not in self._entries:
            rows.append((Path(choice.name).name, choice.name, choice.name))
        panel.set_models(rows, choice.name)
        devices = self._devices
        if choice.device not in [name for _, name in devices]:
            devices = [*devices, (choice.device, choice.device)]
        panel.set_devices(devices, choice.device)
        entry = self._entries.get(choice.name)
        if entry is None:
            panel.set_about("a file of your own", choice.name)
            panel.set_action("keep", "Keep in the list", "Offer this file under its name from now on.")
            return
        # A model that is not here yet is described in full, so that nobody downloads it unawares.
        about = f"{facts(entry)} · not on this computer\n{good_for(entry)}" if self._is_absent else facts(entry)
        panel.set_about(about, describe(entry))
        if self._downloading:
            panel.set_action("cancel", "Cancel", f"Stop the download of {self._downloading}; it can be taken up again.")
        elif entry.path:
            panel.set_action("forget", "Forget", "Take this model out of the list; its file stays where it is.")
        elif self._is_absent:
            size = f"{entry.approximate_bytes / 1e6:.0f} MB"
            tip = f"Download it from {entry.source_repo} on Hugging Face, once; about {size}, {entry.licence}."
            panel.set_action("download", f"Download, {size}", tip)
        else:
            panel.set_action("", "", "")

    def _title(self, name: str) -> str:
        entry = self._entries[name]
        title = short(entry.title)
        return f"{title} – to download" if name in self._absent and not entry.path else title


def dropped_checkpoint(urls: Any) -> str:
    """Return the checkpoint among dropped files; empty if there is none."""
    paths = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return next((path for path in paths if Path(path).suffix.lower() in SUFFIXES), "")
