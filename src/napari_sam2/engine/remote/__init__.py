"""A model on a worker of a Dask cluster, used as if it were here. No torch on this side."""
