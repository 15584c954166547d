"""Every executor keeps to the contract: this process, local processes, and dask with a real scheduler and real workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dask_cases import dask_cluster

from core.execution import IN_THIS_PROCESS, open_executor
from core.execution.executor import Executor
from core.execution.local import LocalProcesses
from core.testing.executor_contract import ExecutorContract


class TestInThisProcess(ExecutorContract):
    elsewhere = False

    @pytest.fixture
    def executor(self) -> Executor:
        return IN_THIS_PROCESS


class TestLocalProcesses(ExecutorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls) -> Iterator[Executor]:
        with LocalProcesses(2) as executor:
            yield executor


class TestDask(ExecutorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
        folder = tmp_path_factory.mktemp("cluster")
        with dask_cluster(folder, folder / "none") as address, open_executor(cluster=address) as executor:
            yield executor


class TestDaskOfThisMachine(ExecutorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def executor(cls) -> Iterator[Executor]:
        with open_executor(cluster="local:2") as executor:
            yield executor
