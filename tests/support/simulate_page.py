"""The Simulate page on a store of its own and a model's server on this machine, as its tests open and read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_cases import opened_page, opened_store, until
from small_runs import SHORT
from streamlit.testing.v1 import AppTest

from core.services.dashboard.jobs import Job
from core.services.language.servers import SERVERS_VARIABLE
from core.services.runs.run import run_study
from core.services.studies.requests import ModelOptions, RunRequest
from core.store.database import Store
from pages.common.shell import job_manager

SECTIONS = ("run", "read", "compare", "persona-audit", "ask")
#: Looks like a key, and is in no place but the environment.
KEY = "sk-" + "hush" * 8
MODEL = "m-1"


@contextmanager
def store_of_the_page(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store of the page, with one complete run of Meridia by rules, and no key in the environment; jobs and store end
    with the test."""
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", SERVERS_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    with opened_store(path) as opened:
        yield opened


def page(**parameters: str) -> AppTest:
    return opened_page("pages/3_Simulate.py", {name.replace("_", "-"): value for name, value in parameters.items()})


def asked_of(url: str, **more: str) -> dict[str, str]:
    """A link that asks three personas of the server at `url`, on the shortest split."""
    days = {name: str(day) for name, day in SHORT.items()}
    return {
        "engine": "openai", "openai_model": MODEL, "address": str(url), "sim_asked": "3", "sim_trials": "1", **days, **more
    }  # fmt: skip


def plan(at: AppTest) -> dict[str, str]:
    """The tiles of what asking would take; those of the run shown come after them."""
    return {tile.label: tile.value for tile in reversed(at.metric)}


def took(at: AppTest) -> dict[str, str]:
    """The tiles of what the run shown took."""
    return {tile.label: tile.value for tile in at.metric}


def linked(at: AppTest, name: str) -> str:
    """A choice as the address has it."""
    value = at.query_params[name]
    return str(value if isinstance(value, str) else value[-1])


def model_run(store: Store, url: str, **more: Any) -> str:
    """A run of three personas of the server's model, without the page, on the shortest split unless told otherwise."""
    manner = {name: more.pop(name) for name in ("samples", "design", "allow_failures", "model") if name in more}
    asking = ModelOptions("openai", **{"model": MODEL, "base_url": str(url), **manner})
    days = {**SHORT, **more}
    return run_study(RunRequest("meridia", personas=3, trials=1, asking=asking, **days), store).run_id


def finished(store: Store) -> Job:
    job = job_manager().latest("run", "meridia")
    assert job is not None
    until(lambda: not job.active)
    return job
