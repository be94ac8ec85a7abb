"""Run many images: jobs from a table or a folder, computed on this machine or on a Dask cluster.

Data goes one way: ``job_list`` reads jobs, ``checks`` finds what can be found before anything runs, ``run`` hands them
to a cluster (``cluster``), ``case`` computes one, and ``report`` shows the results.
"""

from __future__ import annotations

from napari_sam2.batch.job import Job
from napari_sam2.batch.job_list import read_jobs
from napari_sam2.batch.run import run_batch

__all__ = ["Job", "read_jobs", "run_batch"]
