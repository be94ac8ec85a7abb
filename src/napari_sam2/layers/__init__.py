"""napari layers ⇄ the package's own types; no Qt, no model."""
