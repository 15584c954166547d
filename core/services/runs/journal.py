"""The trials of a run as an Optuna journal, and the ranges they were searched in."""

from __future__ import annotations

from pathlib import Path

from core.calibration.search import search_bounds
from core.calibration.trials import export_journal
from core.cognition.registry import engine_for
from core.services.runs.results import RunResult
from core.store.database import Store
from core.store.runs import StoredRun
from core.study import Study, load_study


def searched_bounds(result: RunResult, study: Study) -> dict[str, tuple[float, float]]:
    """The range that each parameter of a run was searched in."""
    if result.bounds:
        return dict(result.bounds)
    # A run of before these were kept: the weight's range was the same for all.
    bounds = {**search_bounds(engine_for(study), study, result.train_end), "policy_effect_weight": (0.3, 0.9)}
    return {name: pair for name, pair in bounds.items() if name in result.parameters}


def write_journal(store: Store, run: StoredRun, path: Path) -> Path | None:
    """Write the twin's trials as a journal that optuna-dashboard opens; None where the run has none."""
    trials = store.read_result("trials", run.run_id, calibrator="twin")
    if trials.empty:
        return None
    study = load_study(str(run.record.parameters.get("study", run.record.study_id)))
    bounds = searched_bounds(RunResult.of(run), study)
    export_journal(trials, bounds, [*study.behaviour_ids, "macro"], f"PolicyTwin {run.run_id}", path)
    return path
