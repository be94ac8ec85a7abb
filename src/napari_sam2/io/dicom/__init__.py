"""DICOM: series, pixels, geometry, segmentations."""
