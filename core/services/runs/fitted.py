"""The calibrated twin of a finished run, rebuilt from its record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.cognition.registry import DEFAULT_ENGINE
from core.counterfactual.assemble import fitted_from
from core.counterfactual.fitted import FittedTwin
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter
from core.services.language.engines import engine_of_run, problem_of
from core.services.populations.synthesis import load_population
from core.services.runs.results import RunResult
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import ModelOptions
from core.store.database import Store
from core.store.runs import StoredRun

#: Points of the metric within which a rebuilt forecast is the stored one: far above what 32-bit answers leave open.
SAME_WITHIN = 0.01


def latest_run(store: Store, study_id: str, engine: str = DEFAULT_ENGINE) -> StoredRun | None:
    """The newest complete run of a study, or None."""
    found = store.runs(study_id=study_id, kind="run", status="complete")
    found = found[found["engine"] == engine]
    return None if found.empty else store.run(str(found["run_id"].iloc[0]))


def latest_study(store: Store) -> str | None:
    """The study of the newest complete run of any, or None."""
    found = store.runs(kind="run", status="complete")
    return None if found.empty else str(found["study_id"].iloc[0])


def fitted_twin(
    store: Store,
    run_id: str,
    data: str | Path | None = None,
    inputs: StudyInputs | None = None,
    *,
    asks: bool = False,
    asking: ModelOptions | None = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> FittedTwin:
    """The calibrated twin of a finished run, rebuilt from its record: same population, parameters and lines.

    A language model's answers come from the store, and what is not there is refused (`NotAsked`), unless the twin `asks`:
    then it is asked in the manner and within the caps of `asking`.

    Raises InputError where the run is not complete, where the study's inputs are no longer those it was made from, and
    where what is rebuilt does not give the forecast that the run stored, as after a change of the study or of the code.
    """
    run = store.run(run_id)
    if not run.complete or run.record.kind != "run":
        raise InputError(
            f"is a {run.record.kind} that is {run.status}", where=f"run {run_id}", allowed="a complete run"
        )
    record = run.record
    inputs = inputs or open_study(record.parameters.get("study", record.study_id), data)
    changed = changed_inputs(run, inputs)
    if changed:
        raise InputError(
            f"was made from other {changed[0]} than is there now",
            where=f"run {run_id}",
            allowed="a new run on these data",
        )
    assert record.population_id is not None
    population = load_population(store, record.population_id)
    problem = problem_of(inputs, record, inner=False)
    assembled = fitted_from(
        problem,
        inputs.timeline,
        population.personas,
        tuple(item.name for item in population.spec.attributes),
        engine_of_run(store, run_id, asks=asks, asking=asking, inputs=inputs, watch=watch),
        RunResult.of(run).parameters,
        inputs.cases,
        record.seed,
        executor,
    )
    stored = store.read_result("forecasts", run_id, forecaster="twin", phase="test")
    _check_same(stored, assembled.forecast.forecast, run_id)
    return assembled.twin


def changed_inputs(run: StoredRun, inputs: StudyInputs) -> list[str]:
    """What of a study's inputs, by name, is no longer what a run was made from."""
    return [name for name, value in inputs.hashes.items() if run.record.input_hashes.get(name) != value]


def horizon_dates(twin: FittedTwin, start: date | None = None, end: date | None = None) -> pd.DatetimeIndex:
    """Days to look at: the run's hold-out, or a part of it; InputError for days outside."""
    first, last = twin.problem.final.horizon[0], twin.problem.final.horizon[-1]
    step = twin.problem.study.step
    begin, stop = (
        default if day is None else pd.Timestamp(step.first_day(day)) for day, default in ((start, first), (end, last))
    )
    for day in (begin, stop):
        if not first <= day <= last:
            raise InputError(
                f"{day.date()} lies outside the hold-out",
                where="counterfactual",
                allowed=f"{first.date()} to {last.date()}",
                nearest=str((first if day < first else last).date()),
            )
    if stop < begin:
        raise InputError(
            f"end {stop.date()} is before start {begin.date()}",
            where="counterfactual",
            allowed=f"{begin.date()} to {last.date()}",
        )
    return twin.problem.final.horizon[twin.problem.final.horizon.slice_indexer(begin, stop)]


def _check_same(stored: pd.DataFrame, rebuilt: pd.DataFrame, run_id: str) -> None:
    """InputError where the rebuilt forecast (days × behaviours) is not the stored one (rows date, behaviour, value)."""
    kept = stored.pivot_table(index="date", columns="behaviour", values="value")
    kept = kept.reindex(index=rebuilt.index, columns=rebuilt.columns)
    off = np.abs(kept.to_numpy(float) - rebuilt.to_numpy(float)).max()
    if not off <= SAME_WITHIN:
        raise InputError(
            "the study or PolicyTwin has changed since, so that its twin cannot be rebuilt as it was",
            where=f"run {run_id}",
            allowed="a new run",
        )
