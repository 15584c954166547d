"""What the assumed traits of the personas are worth: the twin again with other assumptions, everything else held.

The traits have no source. Each is moved down and up, its spread taken away, and all are drawn anew; the engine's
parameters stay, the lines are refitted, and the price shows as the change of the hold-out error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
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
from core.services.populations.synthesis import load_population
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import StudyInputs, open_study
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


def run_sensitivity(
    store: Store,
    run_id: str,
    *,
    data: Any = None,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
    inputs: StudyInputs | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Vary the traits of a finished run's personas and keep the scores as a run of its own. Returns what is printed: where
    the store has the same already, that, unless `again`."""
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
    parameters: Mapping[str, float] = parent.summary["parameters"]
    truth = inputs.observations.reindex(twin.problem.final.horizon)
    variants = trait_variants(population, record.seed + 1, texts=False)
    ours = record.about("sensitivity", {"of_run": run_id, "variants": len(variants)})
    same = None if again else store.find_complete(ours.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return dict(same.summary)
    asked = [
        (twin.problem, twin.engine, item.personas.drop(columns="text", errors="ignore"), parameters, truth)
        for item in (population, *variants.values())
    ]
    with executor.share(twin.problem, twin.engine):
        own, *others = each_of(_errors, asked, watch, "validate", "variants of the traits", executor)
    rows, frames = [], []
    for name, theirs in zip(variants, others, strict=True):
        rows.append(
            {
                "variant": name,
                "macro_rmse": round(float(theirs.mean()), 4),
                "change": round(float(theirs.mean() - own.mean()), 4),
                "rmse": {str(behaviour): round(float(value), 4) for behaviour, value in theirs.items()},
            }
        )
        frames += [
            {"forecaster": FORECASTER + name, "behaviour": behaviour, "metric": "rmse", "value": float(value)}
            for behaviour, value in [*theirs.items(), ("macro", theirs.mean())]
        ]
    values: dict[str, Any] = {
        "study": record.study_id,
        "engine": record.engine,
        "of_run": run_id,
        "macro_rmse": round(float(own.mean()), 4),
        "variants": rows,
        "run_id": ours.run_id,
        "seconds": round(time.perf_counter() - began, 3),
    }
    scores_frame = pd.DataFrame(frames)
    finished = replace(ours, result_hash=frame_hash(scores_frame))
    with store.transaction():
        store.begin_run(ours)
        store.finish_run(ours.run_id, {"scores": scores_frame}, values, seconds=values["seconds"], record=finished)
    watch.finish("store", "done")
    return values
