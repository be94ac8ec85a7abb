"""What `napari.yaml` names, and nothing else."""
