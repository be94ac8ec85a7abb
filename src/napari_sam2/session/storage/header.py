"""The header of a session file: its image, its settings and its model, beside the steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_sam2.core.intensity_mapping import IntensityMapping
from napari_sam2.errors import VolumeError
from napari_sam2.session.log.codec import mapping_to_json, rules_from_json, rules_to_json
from napari_sam2.session.log.records import META_RULES, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.core.masks import Overlap
    from napari_sam2.engine.protocols import Zoom


@dataclass(frozen=True)
class ImageHeader:
    """Enough of an image to find it again and to know it, and nothing about the patient.

    ``path`` is None for an image from no file; ``content_hash`` is that of
    :func:`napari_sam2.session.storage.image_identity.content_hash`.
    """

    name: str
    path: str | None
    series_uid: str | None
    shape: tuple[int, ...]
    dtype: str
    axes: str
    spacing: tuple[float, ...]
    units: str | None
    affine: tuple[tuple[float, ...], ...]
    content_hash: str

    def to_json(self) -> dict[str, Any]:
        """Return what the file keeps."""
        return {
            "name": self.name,
            "path": self.path,
            "series_uid": self.series_uid,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "axes": self.axes,
            "spacing": list(self.spacing),
            "units": self.units,
            "affine": [list(row) for row in self.affine],
            "hash": self.content_hash,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ImageHeader:
        """Return what a file says of its image; KeyError if something is missing."""
        return cls(
            data["name"],
            data["path"],
            data["series_uid"],
            tuple(data["shape"]),
            data["dtype"],
            data["axes"],
            tuple(data["spacing"]),
            data["units"],
            tuple(tuple(row) for row in data["affine"]),
            data["hash"],
        )


@dataclass(frozen=True)
class SettingsHeader:
    """The arguments of a session; ``others`` are settings of another version, which are kept as they stand."""

    frame_axis: str | None
    at: Mapping[str, int]
    channel: tuple[int, ...]
    zoom: Zoom
    exact: bool
    mapping: IntensityMapping
    overlap: Overlap
    rules: Rules = META_RULES
    log_times: bool = True
    others: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what the file keeps."""
        return {
            **self.others,
            "frame_axis": self.frame_axis,
            "at": dict(self.at),
            "channel": list(self.channel),
            "zoom": self.zoom,
            "exact": self.exact,
            "window": mapping_to_json(self.mapping),
            "overlap": self.overlap,
            # What files of older versions are without, and mean.
            **rules_to_json(self.rules),
            **({} if self.log_times else {"log_times": False}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SettingsHeader:
        """Return the settings of a file; KeyError if one is missing, ValueError if the contrast limits are none."""
        others = dict(data)
        try:
            mapping = IntensityMapping.from_dict(others.pop("window"))
        except VolumeError as error:
            raise ValueError(str(error)) from error
        return cls(
            others.pop("frame_axis"),
            others.pop("at"),
            tuple(others.pop("channel")),
            others.pop("zoom"),
            others.pop("exact"),
            mapping,
            others.pop("overlap"),
            rules_from_json(others),
            others.pop("log_times", True),
            others,
        )


@dataclass(frozen=True)
class ModelHeader:
    """The model that a session used last; ``content_hash`` is that of its weights, None where it has none."""

    name: str
    content_hash: str | None

    def to_json(self) -> dict[str, Any]:
        """Return what the file keeps."""
        return {"name": self.name, "hash": self.content_hash}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ModelHeader:
        """Return the model of a file; KeyError if something is missing."""
        return cls(data["name"], data["hash"])


@dataclass(frozen=True)
class SessionHeader:
    """All that a session file says beside its steps.

    ``versions`` are those of the programs that made the file, by name; ``is_open`` is True while a session writes it,
    and after a crash.
    """

    image: ImageHeader
    settings: SettingsHeader
    model: ModelHeader
    versions: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what the file keeps, by the names of its rows; whether it is open is the file's own matter."""
        return {
            "image": self.image.to_json(),
            "settings": self.settings.to_json(),
            "model": self.model.to_json(),
            "versions": dict(self.versions),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SessionHeader:
        """Return the header of a file; KeyError if something is missing, TypeError or ValueError if it is no header."""
        return cls(
            ImageHeader.from_json(data["image"]),
            SettingsHeader.from_json(data["settings"]),
            ModelHeader.from_json(data["model"]),
            data.get("versions", {}),
            data.get("open", False),
        )
