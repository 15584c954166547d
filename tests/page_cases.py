"""How a test leaves the pages: its jobs ended and forgotten, while the board keeps its workers for the next test.

Starting workers anew costs seconds for each, and what pages remember goes by the store's path, which is the test's own.
"""

from __future__ import annotations

import time

from core.services.jobs import JobBoard
from pages.shared.shell import job_board

PATIENCE = 120.0


def wait_for_jobs() -> None:
    """Until no job is at work."""
    board: JobBoard = job_board()
    end = time.monotonic() + PATIENCE
    while board.active():
        assert time.monotonic() < end, f"still at work: {board.active()}"
        time.sleep(0.02)


def end_jobs() -> None:
    """Stop every job, wait for its end, and forget it."""
    board: JobBoard = job_board()
    for job in board.active():
        job.stop()
    wait_for_jobs()
    for job in list(board._jobs.values()):
        board.forget(job)
