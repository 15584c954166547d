"""A dask cluster of real processes gives the same results as this process, without a shared disk and with a worker killed in
the middle; and what cannot work is said at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dask_cases import OLDER, WITHOUT, dask_cluster
from own_study import own_study
from small_runs import SHORT

from core.cli import main
from core.errors import InputError
from core.execution import IN_THIS_PROCESS, open_executor
from core.execution import cluster as cluster_module
from core.execution.cluster import DaskCluster
from core.execution.executor import Executor, WorkerLost
from core.execution.progress import Progress, ProgressReporter
from core.services.audits.groups import group_checks
from core.services.counterfactuals.run import run_sweep
from core.services.evaluation.ablations import run_ablations
from core.services.evaluation.known_worlds import known_worlds
from core.services.evaluation.requests import WorldsRequest
from core.services.evaluation.sensitivity import run_sensitivity
from core.services.runs.forecasters import forget_rivals
from core.services.runs.run import run_study
from core.services.studies.requests import RunRequest
from core.settings import shipped_data
from core.store.database import Store

pytestmark = pytest.mark.full  # workers know of no cheap rivals
SMALL = {"personas": 60, "trials": 16, **SHORT}
PATIENCE = 60.0


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that workers cannot read."""
    return tmp_path_factory.mktemp("mine")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, mine: Path) -> Iterator[Executor]:
    with dask_cluster(tmp_path_factory.mktemp("theirs"), mine) as address, open_executor(cluster=address) as executor:
        yield executor


@pytest.fixture(scope="module")
def own_request(mine: Path) -> RunRequest:
    """A run of a study whose people, coefficients and learned tables are files of the user's own."""
    own = own_study(mine)
    shutil.copy(shipped_data() / "coefficients" / "pandemic_mobility.csv", mine / "mine.csv")
    shutil.copytree(shipped_data() / "priors" / "pandemic_mobility", mine / "priors")
    with own.study.open("a", encoding="utf-8") as file:
        file.write('engine.coefficients = "mine.csv"\nforecast.learned = "priors"\n')
    return replace(own.request(), personas=60, trials=16)


def result_hash(request: RunRequest, executor: Executor, watch: ProgressReporter | None = None) -> str:
    forget_rivals()
    with Store.memory() as store:
        return str(run_study(request, store, watch, executor).result_hash)


@pytest.fixture(scope="module")
def alone(own_request: RunRequest) -> str:
    return result_hash(own_request, IN_THIS_PROCESS)


def test_workers_cannot_read_what_is_here(cluster: Executor, mine: Path) -> None:
    """The tests below would prove nothing if they could."""
    (mine / "plain.txt").write_text("here")
    with pytest.raises(PermissionError, match="another machine"):
        cluster.submit(np.fromfile, str(mine / "plain.txt"), np.uint8).result()
    there = cluster.submit(np.fromfile, mine / "plain.txt", np.uint8).result()
    assert there.tobytes() == b"here", "but what an argument names goes along"


def test_the_same_hash_on_local_processes(own_request: RunRequest, alone: str, processes: Executor) -> None:
    assert result_hash(own_request, processes) == alone


def test_the_same_hash_on_a_cluster_one_of_whose_workers_is_killed_at_work(
    own_request: RunRequest, alone: str, tmp_path: Path, mine: Path
) -> None:
    with dask_cluster(tmp_path, mine) as address, open_executor(cluster=address) as executor:
        assert isinstance(executor, DaskCluster)
        executor._client.wait_for_workers(2, PATIENCE)
        pids: dict[str, int] = executor._client.run(os.getpid)
        killed: list[str] = []

        def kill_at_work() -> None:
            end = time.monotonic() + PATIENCE
            while not killed and time.monotonic() < end:
                busy = [worker for worker, keys in executor._client.processing().items() if keys and worker in pids]
                if busy:
                    os.kill(pids[busy[0]], signal.SIGKILL)
                    killed.append(busy[0])

        killer = threading.Thread(target=kill_at_work)
        seen: list[Progress] = []

        def report(item: Progress) -> None:
            seen.append(item)
            if (item.stage, item.done) == ("calibrate", 8):
                killer.start()

        assert result_hash(own_request, executor, ProgressReporter(report)) == alone
        killer.join()
        assert len(killed) == 1 and killed[0] not in executor._client.nthreads()
    assert [item.done for item in seen if item.stage == "calibrate"] == [0, 8, 16]


def test_what_is_made_of_a_run_is_the_same(cluster: Executor, own_request: RunRequest, mine: Path) -> None:
    with Store(mine / "store.duckdb") as store:
        run_id = run_study(replace(own_request, trials=1), store).run_id
        for executor in (IN_THIS_PROCESS, cluster):
            about: dict[str, Any] = {"data": own_request.data, "executor": executor, "again": True}
            run_sweep(store, run_id, [0, 60], **about)
            run_sensitivity(store, run_id, **about)
            run_ablations(store, run_id, only=["personas_3", "without_policy"], **about)
            group_checks(store, run_id, **about)
        made = [store.run(str(item)).record for item in store.runs(status="complete")["run_id"]]
    hashes = Counter((item.kind, item.result_hash) for item in made if item.kind != "run")
    assert sorted(hashes.values()) == [2, 2, 2, 2], "each was made twice and came out the same"


def test_worlds_are_the_same(cluster: Executor) -> None:
    few = WorldsRequest(kinds=("plain",), seeds=1, personas=20, trials=0)
    assert known_worlds(few).rows == known_worlds(few, executor=cluster).rows


def test_the_command_line_names_a_cluster(
    short_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "meridia", "--personas", "60", "--trials", "2", "--json", "--db", str(tmp_path / "s.duckdb")]
    words += ["--train-end", str(SHORT["train_end"]), "--test-end", str(SHORT["test_end"])]
    forget_rivals()
    assert main([*words, "--cluster", "local:2"]) == 0
    with Store(short_run) as store:
        assert json.loads(capsys.readouterr().out)["result_hash"] in {
            store.run(str(item)).record.result_hash for item in store.runs(kind="run")["run_id"]
        }
    monkeypatch.setenv("POLICYTWIN_CLUSTER", "nowhere")
    assert main([*words, "--again"]) == 2
    assert "'nowhere' is no address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("host:8786", "Nearest valid: tcp://host:8786"),
        ("http://host:8786", "is no address.*local:N"),
        ("local:0", "Nearest valid: local:1"),
        ("local:two", "is no address"),
    ],
)
def test_what_is_no_address_is_refused(address: str, words: str) -> None:
    with pytest.raises(InputError, match=f"--cluster.*{words}"):
        open_executor(cluster=address)


@pytest.mark.parametrize("listens", [False, True])
def test_nobody_there_is_said_in_time(listens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing listens, and where something does that is no scheduler."""
    monkeypatch.setattr(cluster_module, "CONNECT", 0.5)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
        began = time.monotonic()
        with pytest.raises(InputError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:\d+ within 0.5 s"):
            open_executor(cluster=f"tcp://127.0.0.1:{other.getsockname()[1]}")
        assert time.monotonic() - began < 10


def test_a_scheduler_without_workers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "FIRST_WORKER", 0.2)
    with dask_cluster(tmp_path, tmp_path / "none", workers=0) as address:
        refused = pytest.raises(InputError, match=r"has no workers\. Allowed: dask worker tcp://")
        with refused:
            open_executor(cluster=address)


def test_a_scheduler_that_was_lost_is_said_and_looked_for_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with ExitStack() as stack:
        with dask_cluster(first, tmp_path / "none", workers=1) as address:
            executor = stack.enter_context(open_executor(cluster=address))
            assert executor.submit(sum, [1, 2]).result() == 3
            task = executor.submit(time.sleep, 60)
        with pytest.raises(WorkerLost):
            task.result()
        with pytest.raises((WorkerLost, InputError)):
            executor.submit(sum, [1, 2]).result()
        port = int(address.rpartition(":")[2])
        stack.enter_context(dask_cluster(second, tmp_path / "none", workers=1, port=port))
        assert executor.submit(sum, [1, 2]).result() == 3


@pytest.mark.parametrize(
    ("first", "words"),
    [(WITHOUT, "cannot import PolicyTwin"), (OLDER, r"has PolicyTwin 0\.0\+older, here is .*the same versions")],
    ids=["without", "older"],
)
def test_workers_without_the_same_code_are_refused(tmp_path: Path, first: str, words: str) -> None:
    with (
        dask_cluster(tmp_path, tmp_path / "none", workers=1, first=first) as address,
        pytest.raises(InputError, match=words),
    ):
        open_executor(cluster=address)


def test_a_missing_package_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "core.execution.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"distributed is not installed.*pip install policytwin\[cluster\]"):
        open_executor(cluster="local:2")
