"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real observations; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("POLICYTWIN_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "google_mobility_national.parquet").is_file():
        pytest.skip(f"real data not found in {folder}: set POLICYTWIN_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def meridia_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one complete run of the embedded study, made once per test session; copy it before writing."""
    from core.services.runs import run_study
    from core.services.specification import RunRequest
    from core.store.database import Store

    path = tmp_path_factory.mktemp("meridia") / "store.duckdb"
    with Store(path) as store:
        run_study(RunRequest("meridia", personas=200, trials=8), store)
    return path


@pytest.fixture
def meridia_store(meridia_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own with one complete run of Meridia, which the dashboard uses."""
    path = tmp_path / "policytwin.duckdb"
    shutil.copy(meridia_run, path)
    monkeypatch.setenv("POLICYTWIN_DB", str(path))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    return path
