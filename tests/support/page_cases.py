"""How a test opens, reads and leaves a page: its jobs ended and forgotten, while their workers are kept for the next.

Starting workers anew costs seconds for each, and what pages remember goes by the store's path, which is the test's own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    """All words on the page, and its tiles; a term that is a link to the glossary is a word like others."""
    parts = [*at.markdown, *at.caption, *at.text, *at.info, *at.warning, *at.error, *at.success, *at.code]
    tiles = [f"{tile.label}: {tile.value}" for tile in at.metric]
    words = "\n".join([*(str(part.value) for part in parts), *tiles])
    return re.sub(r"\[([^\]]+)\]\(Reference\?[^)]*\)", r"\1", words)


def prose(at: AppTest) -> int:
    """Words that are read before anything is opened: text of the page itself, without headings, what is folded away, tables,
    labels, and the source beneath a figure."""
    found: list[str] = []

    def walk(block: Any) -> None:
        children = list(block.children.values())
        for child, after in zip(children, [*children[1:], None], strict=True):
            if getattr(after, "type", "") == "plotly_chart" and str(getattr(child, "value", "")).startswith("**"):
                continue  # a figure's title
            if child.type in ("markdown", "caption", "alert", "text"):
                if not str(child.value).startswith(("#", "Source: ", "Takes ", ":orange-badge")):
                    found.append(re.sub(r"\]\([^)]*\)|:[a-z-]+(\[|:)", " ", str(child.value)))
            elif hasattr(child, "children") and child.type not in ("expander", "status", "popover", "expandable"):
                walk(child)

    walk(at.main)
    return len(re.findall(r"\w[\w’'.,%-]*", " ".join(found)))


def clean(at: AppTest) -> AppTest:
    """The page, on which nothing went wrong."""
    assert not at.exception and not at.error, said(at)
    return at
