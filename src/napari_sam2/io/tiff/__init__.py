"""TIFF: plain, ImageJ, OME-TIFF and Micro-Manager; single files, sets of files, and folders of slices."""
