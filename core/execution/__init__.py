"""Who does the work: this process, worker processes of this machine or a dask cluster, behind one `Executor`."""

from __future__ import annotations

import os

from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.settings import CLUSTER_VARIABLE


def open_executor(workers: int = 1, cluster: str | None = None) -> Executor:
    """The workers of the dask cluster that `cluster`, else the environment, names; else so many processes of this machine, or
    this process alone for one. Close it. InputError for an address without a cluster, and fewer workers than one."""
    address = cluster or os.environ.get(CLUSTER_VARIABLE)
    if address:
        from core.execution.cluster import DaskCluster

        return DaskCluster(address)
    if workers < 1:
        raise InputError(f"{workers} workers", allowed="1 and above", nearest="1")
    if workers == 1:
        return IN_THIS_PROCESS
    from core.execution.local import LocalProcesses

    executor = LocalProcesses(workers)
    executor.start()
    return executor
