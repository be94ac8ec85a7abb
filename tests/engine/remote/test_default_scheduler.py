"""Lazy images are read on this computer while a cluster is connected, and after it is gone."""

import dask
import dask.array as da
import pytest
from distributed import Scheduler, SpecCluster

from napari_sam2.engine.remote.connection import connect

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_a_connection_leaves_dasks_own_scheduler_as_it_was() -> None:
    before = dask.config.get("scheduler", None)
    with SpecCluster({}, {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard": False}}) as cluster:
        client = connect(cluster.scheduler_address)
        try:
            assert dask.config.get("scheduler", None) == before
            # This cluster has no worker: handed to it, the sum would never come.
            assert int(da.ones(4, chunks=2).sum().compute()) == 4
        finally:
            client.close()
    assert int(da.ones(4, chunks=2).sum().compute()) == 4
