"""Fixtures every test may use."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cheap_runs
import hypothesis
import pytest
from small_runs import SHORT

from core.execution.executor import Executor
from core.execution.local import LocalProcesses

# Several workers with as many threads of linear algebra as there are cores each would wait for each other. Before NumPy.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).resolve().parents[1]
WORKER = "PYTEST_XDIST_WORKER" in os.environ
#: Seconds that one worker waits for a run that another makes.
MAKING = 300.0
#: What takes longest, longest first: workers begin with it, so that none is left alone with it in the end.
SLOWEST = (
    "test_browser", "test_llm_runs", "test_llm_run_faults", "test_local_model", "test_reruns", "test_runs", "test_ablations",
    "test_ablation_prices", "test_engine_contract", "test_other_packages",
    "test_page_simulate", "test_page_simulate_read", "test_cli", "test_group_checks", "test_kept_counterfactuals",
    "test_counterfactual", "test_persona_audit", "test_cluster", "test_executor_contract", "test_known_worlds",
    "test_backtest", "test_ask_people", "test_survey_results", "test_page_counterfactuals", "test_llm_engine",
    "test_personas", "test_page_timeline", "test_benchmark_store", "test_page_calibration", "test_page_validation",
    "test_page_population", "test_jobs", "test_learning", "test_fits", "test_backtests_store", "test_regions",
    "test_confounding", "test_populations", "test_uae_golden", "test_changes", "test_llm_cache_files", "test_llm_pipe_faults",
    "test_found_again", "test_engine_comparison", "test_store_runs", "test_run_intervals", "test_stored_inputs",
    "test_page_home", "test_leakage",
)  # fmt: skip


# How long an example takes says more about what else the machine does than about what is tested.
hypothesis.settings.register_profile("policytwin", deadline=None)
hypothesis.settings.load_profile("policytwin")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Runs are cheap but for tests marked `full` or with workers, and the fixtures that these are the first to ask for."""
    full = item.get_closest_marker("full") is not None or "processes" in getattr(item, "fixturenames", ())
    cheap_runs.use(not full)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files first where several workers share them; needs xdist's --no-loadscope-reorder."""
    if WORKER:
        place = {f"{name}.py": number for number, name in enumerate(SLOWEST)}
        items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """What a page under test does anew each time, and would find the same, is done once: looking through the installed packages
    for Streamlit components, and reading the name of a property of a figure ("title_font_size") as a path."""
    if "streamlit" in sys.modules:
        from plotly import basedatatypes
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
        basedatatypes._str_to_dict_path_full = cache(basedatatypes._str_to_dict_path_full)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test asks with a key of whoever runs it."""
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real observations; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("POLICYTWIN_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "google_mobility_national.parquet").is_file():
        pytest.skip(f"real data not found in {folder}: set POLICYTWIN_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def meridia_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one complete run of the embedded study; copy it before writing."""
    return _made_once(tmp_path_factory, "meridia", personas=200, trials=8)


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `meridia_run`, of few people on the shortest split: contrasts of its 33 days take a tenth of the time."""
    return _made_once(tmp_path_factory, "short", personas=60, trials=2, **SHORT)


def _made_once(factory: pytest.TempPathFactory, name: str, **request: Any) -> Path:
    """A store with a run of Meridia, made by the first of all workers that asks for it."""
    folder = factory.getbasetemp().parent if WORKER else factory.getbasetemp()
    path, making, ends = folder / f"{name}.duckdb", folder / f"{name}.making", time.monotonic() + MAKING
    while not path.is_file():
        try:
            making.mkdir()
        except FileExistsError:
            assert time.monotonic() < ends, f"nobody has made {path}"
            time.sleep(0.05)
            continue
        from core.services.runs.run import run_study
        from core.services.studies.requests import RunRequest
        from core.store.database import Store

        try:
            if not path.is_file():
                with Store(making / path.name) as store, cheap_runs.at_full_strength():
                    run_study(RunRequest("meridia", **request), store)
                (making / path.name).rename(path)
        finally:
            shutil.rmtree(making)
    return path


@pytest.fixture(scope="session")
def processes() -> Iterator[Executor]:
    """Up to three worker processes, forked when work first finds none idle."""
    with LocalProcesses(3) as executor:
        yield executor


@pytest.fixture
def meridia_store(meridia_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own with one complete run of Meridia, which the dashboard uses."""
    return _dashboards(meridia_run, tmp_path, monkeypatch)


@pytest.fixture
def short_store(short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `meridia_store`, with the run of `short_run`."""
    return _dashboards(short_run, tmp_path, monkeypatch)


def _dashboards(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policytwin.duckdb"
    shutil.copy(run, path)
    monkeypatch.setenv("POLICYTWIN_DB", str(path))
    monkeypatch.delenv("POLICYTWIN_DATA", raising=False)
    return path
