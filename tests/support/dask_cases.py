"""A real dask scheduler and real workers, as a user starts them, with nothing of the tests' folders in reach."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What a worker runs first: files below FORBIDDEN are another machine's.
WALL = """
import os, sys

def wall(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and os.path.abspath(arguments[0]).startswith(os.environ["FORBIDDEN"]):
        raise PermissionError(f"{arguments[0]} is on another machine")

sys.addaudithook(wall)
"""
PATIENCE = 60.0


@dataclass(frozen=True)
class Cluster:
    address: str
    workers: list[subprocess.Popen[bytes]]

    def kill(self, worker: int) -> None:
        self.workers[worker].send_signal(signal.SIGKILL)
        self.workers[worker].wait()


@contextmanager
def dask_cluster(folder: Path, forbidden: Path, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler with two workers, in `folder`; files below `forbidden` are out of the workers' reach."""
    file, wall = folder / "scheduler.json", folder / "wall.py"
    wall.write_text(WALL)
    environment = {
        **os.environ,
        "FORBIDDEN": str(forbidden),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "HOME": str(folder),
    }
    command = [sys.executable, "-m", "dask"]
    where = ["--scheduler-file", str(file)]
    scheduler = [*command, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *where]
    options = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--preload", str(wall)]
    worker = [*command, "worker", *where, *options]
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for arguments in (scheduler, *[worker] * workers):
            started.append(subprocess.Popen(arguments, cwd=folder, env=environment, **silent))
        ends = time.monotonic() + PATIENCE
        while not file.exists() or not file.read_text().strip().endswith("}"):
            assert time.monotonic() < ends and started[0].poll() is None, "the scheduler did not start"
            time.sleep(0.05)
        yield Cluster(json.loads(file.read_text())["address"], started[1:])
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
