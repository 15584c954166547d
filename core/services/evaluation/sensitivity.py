"""What the assumed traits of the personas are worth: the twin again with other assumptions, everything else held.

The traits have no source. Each is moved down and up, its spread taken away, and all are drawn anew; the engine's
parameters stay, the lines are refitted, and the price shows as the change of the hold-out error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from core.calibration.problem import Problem
from core.calibration.twin import twin_forecast
from core.cognition.engine import ResponseEngine
from core.cognition.registry import asks_model
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.metrics import rmse
from core.people.sensitivity import trait_variants
from core.records import frame_hash
from core.result import Result
from core.services.populations.synthesis import load_population
from core.services.runs.finished import finished_run
from core.services.runs.fitted import fitted_twin
from core.services.runs.results import RunResult
from core.services.studies.inputs import StudyInputs, open_study
from core.services.studies.requests import RunRequest
from core.simulation.simulate import simulate
from core.store.database import Store

FORECASTER = "twin: "


def _errors(
    problem: Problem,
    engine: ResponseEngine,
    personas: pd.DataFrame,
    parameters: Mapping[str, float],
    truth: pd.DataFrame,
) -> pd.Series:
    """RMSE by behaviour of the twin with these people on the hold-out."""
    means = simulate(engine, personas, problem.contexts).everyone
    return rmse(twin_forecast(problem, problem.final, means, parameters).forecast, truth)


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """The twin's error on the hold-out under another assumption, its `change` from the twin's own, and by behaviour."""

    variant: str
    macro_rmse: float
    change: float
    rmse: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class SensitivityResult(Result, kind="sensitivity"):
    """What each assumption on traits is worth to the run `of_run`, in points of the metric."""

    run_id: str = ""
    study: str
    engine: str
    of_run: str
    macro_rmse: float
    variants: tuple[VariantResult, ...]
    seconds: float = 0.0


def sensitivity(
    request: RunRequest,
    store: Store,
    *,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    again: bool = False,
) -> SensitivityResult:
    """Vary the traits of the run that was asked for: one that is in the store, else a new one."""
    run_id, _ = finished_run(request, store, watch=watch, executor=executor)
    return run_sensitivity(store, run_id, data=request.data, watch=watch, executor=executor, again=again)


def run_sensitivity(
    store: Store,
    run_id: str,
    *,
    data: Any = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    inputs: StudyInputs | None = None,
    again: bool = False,
) -> SensitivityResult:
    """Vary the traits of a finished run's personas and keep the scores as a run of its own; where the store has the same
    already, that, unless `again`. InputError where a language model answered, which reads no traits."""
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    parent = store.run(run_id)
    record = parent.record
    if asks_model(record.engine):
        raise InputError(
            f"was answered by the engine {record.engine}, which reads texts and no traits",
            where=f"run {run_id}",
            allowed="a run of the engine rules",
        )
    inputs = inputs or open_study(str(record.parameters.get("study", record.study_id)), data)
    twin = fitted_twin(store, run_id, inputs=inputs, executor=executor)
    assert record.population_id is not None
    population = load_population(store, record.population_id)
    parameters = RunResult.of(parent).parameters
    truth = inputs.observations.reindex(twin.problem.final.horizon)
    variants = trait_variants(population, record.seed + 1, texts=False)
    ours = record.about("sensitivity", {"of_run": run_id, "variants": len(variants)})
    same = None if again else store.find_complete(ours.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return SensitivityResult.from_dict({"run_id": same.run_id, **same.summary})
    asked = [
        (twin.problem, twin.engine, item.personas.drop(columns="text", errors="ignore"), parameters, truth)
        for item in (population, *variants.values())
    ]
    with executor.share(twin.problem, twin.engine):
        own, *others = each_of(_errors, asked, watch, "validate", "variants of the traits", executor)
    found, frames = [], []
    for name, theirs in zip(variants, others, strict=True):
        found.append(
            VariantResult(
                variant=name,
                macro_rmse=round(float(theirs.mean()), 4),
                change=round(float(theirs.mean() - own.mean()), 4),
                rmse={str(behaviour): round(float(value), 4) for behaviour, value in theirs.items()},
            )
        )
        frames += [
            {"forecaster": FORECASTER + name, "behaviour": behaviour, "metric": "rmse", "value": float(value)}
            for behaviour, value in [*theirs.items(), ("macro", theirs.mean())]
        ]
    seconds = time.perf_counter() - began
    result = SensitivityResult(
        run_id=ours.run_id, study=record.study_id, engine=record.engine, of_run=run_id,
        macro_rmse=round(float(own.mean()), 4), variants=tuple(found), seconds=round(seconds, 3),
    )  # fmt: skip
    table = pd.DataFrame(frames)
    with store.transaction():
        store.begin_run(ours)
        finished = replace(ours, result_hash=frame_hash(table))
        store.finish_run(ours.run_id, {"scores": table}, result.as_dict(), seconds=seconds, record=finished)
    watch.finish("store", "done")
    return result
