"""What audits of a run's personas share: a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.database import Store


@pytest.fixture(scope="module")
def runs(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """A store of a module's own with Meridia's run by the rules."""
    path = tmp_path_factory.mktemp("audit") / "store.duckdb"
    shutil.copy(meridia_run, path)
    with Store(path) as store:
        yield store, str(store.runs(kind="run")["run_id"].iloc[0])
