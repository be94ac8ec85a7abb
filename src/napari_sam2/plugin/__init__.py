"""The functions and classes that `napari.yaml` names, and nothing else."""
