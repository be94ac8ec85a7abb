"""The exceptions of this package.

Every text says what is wrong, in which file or layer, and what to do about it; its first line is one
sentence that stands alone in a status bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class NapariSam2Error(Exception):
    """Anything this package refuses to do; catch this one to catch them all."""

    @property
    def headline(self) -> str:
        """The first line of the text: one sentence that says what is wrong and where."""
        text = str(self)
        return text.splitlines()[0] if text else type(self).__name__


class VolumeError(NapariSam2Error):
    """An array, its axes, spacing or affine do not make a volume, or an index lies outside it."""


class ReadError(NapariSam2Error):
    """A file or folder cannot be read, or cannot be read without guessing."""


class SeveralSeriesError(ReadError):
    """A folder holds several series and the caller chose none.

    Parameters
    ----------
    message
        The text; its first line names the folder.
    series
        One entry for each series, in the order of the index that ``read_volume(..., series=index)`` takes.
    """

    def __init__(self, message: str, series: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.series: list[Any] = list(series)


class WriteError(NapariSam2Error):
    """A file cannot be written; what stood there before is untouched."""


class PromptError(NapariSam2Error):
    """A point, box or mask is malformed, lies outside the image, or is missing altogether."""


class LockedError(PromptError):
    """An operation would change nothing but masks that are locked.

    Parameters
    ----------
    message
        The text.
    obj_id, frame
        One of these masks.
    """

    def __init__(self, message: str, obj_id: int, frame: int) -> None:
        super().__init__(message)
        self.obj_id, self.frame = obj_id, frame


class JobError(NapariSam2Error):
    """A list of jobs cannot be understood, or a job cannot be done as it is written."""


class ClusterError(NapariSam2Error):
    """A Dask cluster cannot be reached, or has no worker left."""


class CheckpointError(NapariSam2Error):
    """A checkpoint is damaged, or does not hold a model of a known configuration."""


class ModelNotDownloadedError(CheckpointError):
    """The model is known but its weights are not on this computer."""


class DownloadError(NapariSam2Error):
    """A model cannot be downloaded; what came in so far is kept and used the next time."""


class DownloadCancelledError(DownloadError):
    """The user stopped a download."""


class LicenceError(NapariSam2Error):
    """A model has terms that have to be accepted before it is downloaded."""


class OutOfMemoryError(NapariSam2Error):
    """The device has not enough memory, even after every fallback."""


class SettingsError(NapariSam2Error):
    """The settings file cannot be read, or an entry of it is not understood."""


class SessionBusyError(NapariSam2Error):
    """The session is in the middle of a run, and what was asked has to wait for its end."""


class SessionFileError(NapariSam2Error):
    """A session file is damaged, from a newer version, locked, or belongs to another volume."""
