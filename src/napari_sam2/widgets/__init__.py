"""The dock widgets: Qt only. Panels emit signals and have ``set_*`` methods; controllers decide."""

PLUGIN = "napari-sam2"
"""The name by which napari knows the docks, samples and readers of this package."""
