"""A twin for the tests of this room."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from counterfactual_cases import Case

from core.services.runs.fitted import fitted_twin, horizon_dates, latest_run
from core.services.studies.inputs import open_study
from core.store.database import Store


@pytest.fixture(scope="module")
def case(meridia_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    path = tmp_path_factory.mktemp("counterfactual") / "store.duckdb"
    shutil.copy(meridia_run, path)
    with Store(path) as store:
        run = latest_run(store, "meridia")
        assert run is not None
        inputs = open_study("meridia")
        twin = fitted_twin(store, run.run_id, inputs=inputs)
        yield Case(path, store, run, inputs, twin, horizon_dates(twin))
