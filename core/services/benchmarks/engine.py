"""Speed and memory on this machine, measured in fresh processes and printed; nothing here is asserted.

Each figure is taken in a process of its own, so that its peak memory is its own and nothing is warm but the disk.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core.errors import InputError, PolicyTwinError
from core.options import option
from core.result import Result
from core.services.studies.inputs import open_study

STANDARD = 1000
LARGE = (10_000, 30_000, 100_000)


@dataclass(frozen=True)
class BenchRequest:
    """Speed and memory of a study's run, each figure taken `repeat` times; `large`: also of larger populations."""

    study: str = option("a shipped study or a study file (default: meridia)", "meridia", positional=True)
    data: Path | None = option("folder of observations", None, word="DIR")
    repeat: int = option("times each figure is taken (median shown; default 3)", 3)
    large: bool = option("also 10,000, 30,000 and 100,000 personas", False)

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise InputError(f"repeat {self.repeat}", where="bench", allowed="1 and above", nearest="1")


@dataclass(frozen=True, kw_only=True)
class BenchFigure:
    """Median, least and most seconds of `what`, and the median of the most memory."""

    what: str
    personas: int
    seconds: float
    peak_memory_mb: float
    fastest: float
    slowest: float


@dataclass(frozen=True, kw_only=True)
class BenchResult(Result):
    study: str
    machine: str
    repeat: int
    figures: tuple[BenchFigure, ...]


def benchmark(request: BenchRequest) -> BenchResult:
    """Medians over processes of simulate-and-store, of the whole run, and of larger populations where they are asked for.

    `simulate` times the population's answers on all contexts and writing them, persona by persona up to 2,000 personas,
    to the store; `run` the whole command, process start included.
    """
    # What cannot be run is said once and here, not by each process in its own words.
    open_study(request.study, request.data)
    figures = [_measured(what, request, STANDARD, request.repeat) for what in ("simulate", "run")]
    if request.large:
        figures += [_measured("simulate", request, personas, 1) for personas in LARGE]
    return BenchResult(study=request.study, machine=machine(), repeat=request.repeat, figures=tuple(figures))


def machine() -> str:
    """What it is measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _measured(what: str, request: BenchRequest, personas: int, repeat: int) -> BenchFigure:
    taken = [_once(what, request.study, request.data, personas) for _ in range(repeat)]
    seconds = [item["seconds"] for item in taken]
    return BenchFigure(
        what={"simulate": "simulate and store", "run": "whole run"}[what],
        personas=personas,
        seconds=round(median(seconds), 3),
        peak_memory_mb=round(median(item["peak_memory_mb"] for item in taken), 1),
        fastest=round(min(seconds), 3),
        slowest=round(max(seconds), 3),
    )


def _once(what: str, study: str, data: Path | None, personas: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        arguments = [what, study, "" if data is None else str(data), str(personas), str(Path(folder) / "bench.duckdb")]
        started = time.perf_counter()
        done = subprocess.run(  # noqa: S603 (our own module, no shell)
            [sys.executable, "-m", "core.services.benchmarks.engine", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - started
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise PolicyTwinError(f"The benchmark's process failed: {last}")
    values: dict[str, float] = json.loads(done.stdout)
    if what == "run":
        values["seconds"] = wall
    return values


def _worker(what: str, study: str, data: str, personas: int, store: str) -> dict[str, float]:
    from dataclasses import replace

    from core.execution.executor import IN_THIS_PROCESS
    from core.execution.progress import ProgressReporter
    from core.services.runs.preparing import prepare, record_of
    from core.services.runs.run import peak_memory_mb, run_study
    from core.services.runs.stages import simulate_stored
    from core.services.studies.requests import RunRequest
    from core.store.database import Store

    request = RunRequest(study, data or None, personas=personas)
    with Store(store) as opened:
        if what == "run":
            return {
                "seconds": run_study(request, opened).seconds["total"],
                "peak_memory_mb": peak_memory_mb(),
            }
        prepared = prepare(request, opened)
        prepared = replace(prepared, problem=prepared.problem.final_only())
        record = record_of(prepared, opened)
        opened.begin_run(record)
        started = time.perf_counter()
        simulate_stored(prepared, prepared.engine, record, opened, ProgressReporter(), IN_THIS_PROCESS)
        return {"seconds": time.perf_counter() - started, "peak_memory_mb": peak_memory_mb()}


if __name__ == "__main__":
    print(json.dumps(_worker(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])))
