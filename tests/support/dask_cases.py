"""A real dask scheduler and real workers, as a user starts them, in another folder and out of reach of the tests' files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
#: What a worker runs first. Files below FORBIDDEN are another machine's.
WALL = """
import os, sys

def wall(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and os.path.abspath(arguments[0]).startswith(os.environ["FORBIDDEN"]):
        raise PermissionError(f"{arguments[0]} is on another machine")

sys.addaudithook(wall)
"""
#: A worker where PolicyTwin is not installed, and one with another version of it.
WITHOUT = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "core":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
"""
OLDER = """
import core.records

core.records.code_version = lambda: "0.0+older"
"""


@contextmanager
def dask_cluster(folder: Path, forbidden: Path, *, workers: int = 2, first: str = WALL, port: int = 0) -> Iterator[str]:
    """The address of a scheduler with so many workers, which run `first` before anything and work in `folder`."""
    file, preload = folder / "scheduler.json", folder / "preload.py"
    preload.write_text(first)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("POLICYTWIN_")},
        "FORBIDDEN": str(forbidden),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "HOME": str(folder),
    }
    command, where = [sys.executable, "-m", "dask"], ["--scheduler-file", str(file)]
    scheduler = [*command, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", *where]
    options = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--preload", str(preload)]
    worker = [*command, "worker", *where, *options]
    silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for arguments in (scheduler, *[worker] * workers):
            started.append(subprocess.Popen(arguments, cwd=folder, env=environment, start_new_session=True, **silent))
        ends = time.monotonic() + PATIENCE
        while not file.exists() or not file.read_text().strip().endswith("}"):
            assert time.monotonic() < ends and started[0].poll() is None, "the scheduler did not start"
            time.sleep(0.05)
        yield str(json.loads(file.read_text())["address"])
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
