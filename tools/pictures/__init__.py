"""Pictures and animations of the docs, made by working real napari windows: ``python -m tools.pictures``."""
