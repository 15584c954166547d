"""Runs of a language model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_cases import model
from llm_run_cases import AskedRun, request
from llm_servers import (
    openai_server,
)

from core.calibration.calibrators.paper import PaperCalibrator
from core.services.runs import forecasters
from core.services.runs.run import run_study
from core.store.database import Store


@pytest.fixture(scope="module")
def short_searches() -> Iterator[None]:
    """These tests are about the life of a run, and the published calibration's search is most of a small one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forecasters, "PaperCalibrator", lambda trials, **rest: PaperCalibrator(trials=3, **rest))
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedRun]:
    path = tmp_path_factory.mktemp("asked") / "store.duckdb"
    with openai_server(model("openai")) as url, Store(path) as opened:
        yield AskedRun(url, opened, run_study(request(url), opened))
