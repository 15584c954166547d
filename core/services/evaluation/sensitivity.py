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

from core.calibration.twin import twin_forecast
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.forecasting.metrics import rmse
from core.people.sensitivity import trait_variants
from core.records import frame_hash
from core.services.language.engines import is_language
from core.services.populations.synthesis import load_population
from core.services.runs.fitted import fitted_twin
from core.services.studies.inputs import StudyInputs, open_study
from core.simulation.simulate import simulate
from core.store.database import Store

FORECASTER = "twin: "


def run_sensitivity(
    store: Store,
    run_id: str,
    *,
    data: Any = None,
    watch: ProgressReporter | None = None,
    inputs: StudyInputs | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Vary the traits of a finished run's personas and keep the scores as a run of its own. Returns what is printed: where
    the store has the same already, that, unless `again`."""
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    parent = store.run(run_id)
    record = parent.record
    if is_language(record.engine):
        raise InputError(
            f"was answered by the engine {record.engine}, which reads texts and no traits",
            where=f"run {run_id}",
            allowed="a run of the engine rules",
        )
    inputs = inputs or open_study(str(record.parameters.get("study", record.study_id)), data)
    twin = fitted_twin(store, run_id, inputs=inputs)
    assert record.population_id is not None
    population = load_population(store, record.population_id)
    parameters: Mapping[str, float] = parent.summary["parameters"]
    window = twin.problem.final
    truth = inputs.observations.reindex(window.horizon)
    variants = trait_variants(population, record.seed + 1, texts=False)
    ours = record.about("sensitivity", {"of_run": run_id, "variants": len(variants)})
    same = None if again else store.find_complete(ours.inputs_hash())
    if same is not None:
        watch.found(same.run_id)
        return dict(same.summary)

    def scores(personas: pd.DataFrame) -> pd.Series:
        means = simulate(twin.engine, personas, twin.problem.contexts).everyone
        return rmse(twin_forecast(twin.problem, window, means, parameters).forecast, truth)

    own = scores(population.personas)
    rows, frames = [], []
    for position, (name, variant) in enumerate(variants.items()):
        watch.report("validate", position, len(variants), "variants of the traits")
        theirs = scores(variant.personas)
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
