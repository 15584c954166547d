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
from pathlib import Path
from statistics import median
from typing import Any

from core.errors import PolicyTwinError
from core.services.studies.inputs import open_study

STANDARD = 1000
LARGE = (10_000, 30_000, 100_000)


def benchmark(study: str, data: Path | None, *, repeat: int, large: bool) -> dict[str, Any]:
    """Medians over `repeat` processes of simulate-and-store, of the whole run, and with `large` of larger populations.

    `simulate` times the population's answers on all contexts and writing them, persona by persona up to 2,000 personas,
    to the store; `run` the whole command, process start included.
    """
    # What cannot be run is said once and here, not by each process in its own words.
    open_study(study, data)
    figures = [_measured("simulate", study, data, STANDARD, repeat), _measured("run", study, data, STANDARD, repeat)]
    if large:
        figures += [_measured("simulate", study, data, personas, 1) for personas in LARGE]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"study": study, "machine": machine, "repeat": repeat, "figures": figures}


def _measured(what: str, study: str, data: Path | None, personas: int, repeat: int) -> dict[str, Any]:
    results = [_once(what, study, data, personas) for _ in range(repeat)]
    named = {"simulate": "simulate and store", "run": "whole run"}[what]
    return {
        "what": named,
        "personas": personas,
        "seconds": round(median(item["seconds"] for item in results), 3),
        "peak_memory_mb": round(median(item["peak_memory_mb"] for item in results), 1),
        "fastest": round(min(item["seconds"] for item in results), 3),
        "slowest": round(max(item["seconds"] for item in results), 3),
    }


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
                "seconds": run_study(request, opened).values["seconds"]["total"],
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
