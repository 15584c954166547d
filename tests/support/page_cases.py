"""How a test opens, reads and leaves a page: its jobs ended and forgotten, while their workers are kept for the next.

Starting workers anew costs seconds for each, and what pages remember goes by the store's path, which is the test's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.store.database import Store
from pages.common.shell import job_manager, open_store

APP = Path(__file__).resolve().parents[2] / "app.py"
PATIENCE = 120.0


def wait_for_jobs() -> None:
    """Until no job is at work."""
    until(lambda: not job_manager().active())


def end_jobs() -> None:
    """Stop every job, wait for its end, and forget it."""
    jobs = job_manager()
    for job in jobs.active():
        job.stop()
    wait_for_jobs()
    for job in jobs.all():
        jobs.forget(job)


@contextmanager
def opened_store(path: Path) -> Iterator[Store]:
    """The store of the page; jobs and store end with the test."""
    opened = open_store(str(path))
    yield opened
    end_jobs()
    opened.close()


def opened_page(script: str, parameters: Mapping[str, str]) -> AppTest:
    """The page as a link with these parameters opens it, on Meridia unless they say otherwise."""
    at = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    at.switch_page(script)
    for name, value in {"study": "meridia", **parameters}.items():
        at.query_params[name] = value
    return at.run()


def until(condition: Callable[[], object]) -> None:
    """Wait for something that other threads or processes bring about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def said(at: AppTest) -> str:
    """All words on the page, and its tiles."""
    parts = [*at.markdown, *at.caption, *at.text, *at.info, *at.warning, *at.error, *at.success, *at.code]
    tiles = [f"{tile.label}: {tile.value}" for tile in at.metric]
    return "\n".join([*(str(part.value) for part in parts), *tiles])


def clean(at: AppTest) -> AppTest:
    """The page, on which nothing went wrong."""
    assert not at.exception and not at.error, said(at)
    return at
