"""What if: sweeps and contrasts on a finished run, with its calibration as it was fitted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from core.calibration.problem import build_problem, with_known_weeks
from core.calibration.twin import twin_forecast
from core.counterfactual.fitted import FittedTwin, Path, follow_timeline, training_lines
from core.counterfactual.support import Support
from core.counterfactual.sweep import Sweep, stringency_sweep
from core.errors import InputError
from core.people.personas import Population
from core.policy.timeline import PolicyTimeline
from core.records import RUNGS, RunRecord, content_hash, frame_hash
from core.services.populations import load_population, save_population
from core.services.studies import StudyInputs, engine_for, open_study
from core.services.timelines import save_timeline
from core.simulation.simulate import simulate
from core.store.database import Store
from core.store.runs import StoredRun

DEFAULT_LEVELS = (0.0, 25.0, 50.0, 75.0, 100.0)


def latest_run(store: Store, study_id: str, engine: str = "rules") -> StoredRun | None:
    """The newest complete run of a study, or None."""
    found = store.runs(study_id=study_id, kind="run", status="complete")
    found = found[found["engine"] == engine]
    return None if found.empty else store.run(str(found["run_id"].iloc[0]))


def fitted_twin(store: Store, run_id: str, data: Any = None, inputs: StudyInputs | None = None) -> FittedTwin:
    """The calibrated twin of a finished run, rebuilt from its record: same population, parameters and lines.

    Raises InputError where the run is not complete, or the study's inputs are no longer those it was made from.
    """
    run = store.run(run_id)
    if not run.complete or run.record.kind != "run":
        raise InputError(
            f"is a {run.record.kind} that is {run.status}", where=f"run {run_id}", allowed="a complete run"
        )
    record = run.record
    inputs = inputs or open_study(record.parameters.get("study", record.study_id), data)
    changed = [name for name, value in inputs.hashes.items() if record.input_hashes.get(name) != value]
    if changed:
        raise InputError(
            f"was made from other {changed[0]} than is there now",
            where=f"run {run_id}",
            allowed="a new run on these data",
        )
    assert record.train_end is not None and record.test_end is not None and record.population_id is not None
    study = inputs.study
    population = load_population(store, record.population_id)
    parameters = {name: float(value) for name, value in run.summary["parameters"].items()}
    start = engine_for(study, record.engine)
    own = {name: value for name, value in parameters.items() if name in start.parameters}
    engine = start.with_parameters(own) if own else start
    problem = build_problem(
        study, inputs.timeline, inputs.observations, inputs.cases, record.train_end, record.test_end, inner=False
    )
    means = simulate(engine, population.personas, problem.contexts).everyone
    forecast = twin_forecast(problem, problem.final, means, parameters)
    timeline = with_known_weeks(inputs.timeline)
    train = problem.final.train
    return FittedTwin(
        problem=problem,
        timeline=timeline,
        personas=population.personas,
        attributes=tuple(item.name for item in population.spec.attributes),
        engine=engine,
        calibrator=forecast.calibrator,
        gap=forecast.gap,
        half_life=parameters["half_life"],
        baseline=means[problem.baseline_context],
        lines=training_lines(problem, forecast.calibrator, means, record.seed),
        support=Support.of(timeline.intensities(train), timeline.stringency(train)),
        cases=inputs.cases,
    )


def horizon_dates(twin: FittedTwin, start: date | None = None, end: date | None = None) -> pd.DatetimeIndex:
    """Days to look at: the run's hold-out, or a part of it; InputError for days outside."""
    first, last = twin.problem.final.horizon[0], twin.problem.final.horizon[-1]
    begin, stop = pd.Timestamp(start or first), pd.Timestamp(end or last)
    for day in (begin, stop):
        if not first <= day <= last:
            raise InputError(
                f"{day.date()} lies outside the hold-out",
                where="counterfactual",
                allowed=f"{first.date()} to {last.date()}",
                nearest=str((first if day < first else last).date()),
            )
    if stop < begin:
        raise InputError(f"end {stop.date()} is before start {begin.date()}", where="counterfactual")
    return pd.date_range(begin, stop, freq="D")


def sweep_values(twin: FittedTwin, sweep: Sweep) -> dict[str, Any]:
    """What `policytwin sweep --json` prints of a sweep."""
    return {
        "levels": [
            {
                "level": item.policy.target,
                "realised_stringency": round(item.policy.realised, 4),
                "indicators": item.policy.levels,
                "metric": _rounded(item.mean),
                "lower": _rounded(item.lower),
                "upper": _rounded(item.upper),
                "distance_to_training": round(item.distance, 3),
                "outside_support": item.outside,
            }
            for item in sweep.levels
        ],
        "monotone": sweep.monotone,
        "bounded": sweep.bounded,
        "outside_support": sweep.outside_support,
        "start": str(sweep.dates[0].date()),
        "end": str(sweep.dates[-1].date()),
        "days": len(sweep.dates),
        "day_types": sweep.day_types,
        "held": {"epidemic_level": sweep.epidemic, "days_under_restrictions": sweep.restricted_days},
        "interval": "80%: calibration (weeks resampled) and sampling of personas; not the residual of single days",
        "claims": "behavioural plausibility under the engine's assumptions, not a causal effect",
    }


def sweep_frame(twin: FittedTwin, sweep: Sweep) -> pd.DataFrame:
    """The store's rows of a sweep: means over the days by level, everyone and each subgroup; subgroups carry no interval."""
    rows = []
    for item in sweep.levels:
        base = {"level": item.policy.target, "realised_stringency": item.policy.realised}
        for behaviour, value in item.mean.items():
            rows.append({
                **base, "attribute": "all", "attribute_level": "all", "behaviour": behaviour, "mean": value,
                "lower": item.lower[behaviour], "upper": item.upper[behaviour],
            })  # fmt: skip
        for (attribute, category), frame in item.path.groups.items():
            for behaviour, value in frame.mean().items():
                rows.append({
                    **base, "attribute": attribute, "attribute_level": category, "behaviour": behaviour,
                    "mean": value, "lower": np.nan, "upper": np.nan,
                })  # fmt: skip
    return pd.DataFrame(rows)


def run_sweep(
    store: Store,
    run_id: str,
    levels: Sequence[float] = DEFAULT_LEVELS,
    *,
    data: Any = None,
    start: date | None = None,
    end: date | None = None,
    twin: FittedTwin | None = None,
    population: Population | None = None,
) -> tuple[dict[str, Any], Sweep]:
    """Sweep a finished run's twin and keep the result as a run of its own. Returns the printed values and the sweep."""
    began = time.perf_counter()
    twin = twin or fitted_twin(store, run_id, data)
    if population is not None:
        twin = twin.with_personas(population.personas)
    dates = horizon_dates(twin, start, end)
    sweep = stringency_sweep(twin, levels, dates)
    parent = store.run(run_id).record
    study = twin.problem.study
    identifier = parent.population_id if population is None else save_population(
        store, study, population, "edited personas", parent.population_id
    )  # fmt: skip
    record = RunRecord(
        kind="sweep",
        study_id=parent.study_id,
        study_hash=parent.study_hash,
        engine=parent.engine,
        engine_version=parent.engine_version,
        model_id=parent.model_id,
        seed=parent.seed,
        personas=len(twin.personas),
        input_hashes=parent.input_hashes,
        population_id=identifier,
        population_hash=parent.population_hash if population is None else population.content_hash,
        timeline_id=parent.timeline_id,
        timeline_hash=parent.timeline_hash,
        parameters={"of_run": run_id, "levels": [float(item) for item in levels], "start": str(dates[0].date()), "end": str(dates[-1].date())},
        train_end=parent.train_end,
        test_end=parent.test_end,
        calibrator=parent.calibrator,
    )  # fmt: skip
    frame = sweep_frame(twin, sweep)
    rung = RUNGS[1] if sweep.monotone and sweep.bounded else RUNGS[0]
    values = {
        "study": study.id,
        "fictional": study.fictional,
        "engine": parent.engine,
        "personas": len(twin.personas),
        "of_run": run_id,
        **sweep_values(twin, sweep),
        "rung": rung,
        "run_id": record.run_id,
    }
    seconds = time.perf_counter() - began
    values["seconds"] = round(seconds, 3)
    store.begin_run(record)
    store.finish_run(
        record.run_id,
        {"sweeps": frame},
        values,
        seconds=seconds,
        record=replace(record, rung=rung, result_hash=frame_hash(frame)),
    )
    return values, sweep


@dataclass(frozen=True)
class Contrast:
    """A scenario against the reference timeline over the same days: paths of both and the difference of their means.

    `difference`, `lower` and `upper` are per behaviour, in points of the metric; the interval is 80%, from draws that
    both paths share, so that what they have in common cancels. `by_group` is {(attribute, category): difference}.
    """

    name: str
    reference: Path
    path: Path
    difference: pd.Series
    lower: pd.Series
    upper: pd.Series
    by_group: dict[tuple[str, str], pd.Series]
    changes: list[str]

    @property
    def outside_days(self) -> int:
        """Days on which the scenario is unlike anything in training."""
        return int(self.path.outside.sum())


def contrast(
    twin: FittedTwin, scenario: PolicyTimeline, dates: pd.DatetimeIndex, reference: PolicyTimeline | None = None
) -> Contrast:
    """The scenario's forecast against the reference's (default: the observed timeline)."""
    base_timeline = twin.timeline if reference is None else with_known_weeks(reference)
    scenario = with_known_weeks(scenario)
    base, path = follow_timeline(twin, base_timeline, dates), follow_timeline(twin, scenario, dates)
    draws = (path.draws - base.draws).mean(axis=1)
    low, high = np.quantile(draws, [0.1, 0.9], axis=0)
    names = path.metric.columns
    return Contrast(
        name=scenario.name,
        reference=base,
        path=path,
        difference=(path.metric - base.metric).mean(),
        lower=pd.Series(low, names),
        upper=pd.Series(high, names),
        by_group={key: (frame - base.groups[key]).mean() for key, frame in path.groups.items()},
        changes=scenario.changes(base_timeline),
    )


def run_compare(
    store: Store,
    run_id: str,
    scenarios: Sequence[PolicyTimeline],
    *,
    data: Any = None,
    start: date | None = None,
    end: date | None = None,
    twin: FittedTwin | None = None,
) -> tuple[dict[str, Any], list[Contrast]]:
    """Contrast scenarios with the observed timeline on a finished run's twin, and keep the result as a run of its own."""
    began = time.perf_counter()
    twin = twin or fitted_twin(store, run_id, data)
    dates = horizon_dates(twin, start, end)
    contrasts = [contrast(twin, scenario, dates) for scenario in scenarios]
    parent = store.run(run_id).record
    study = twin.problem.study
    for scenario in scenarios:
        save_timeline(store, study, scenario)
    values: dict[str, Any] = {
        "study": study.id,
        "fictional": study.fictional,
        "engine": parent.engine,
        "of_run": run_id,
        "start": str(dates[0].date()),
        "end": str(dates[-1].date()),
        "reference": twin.timeline.name,
        "scenarios": [
            {
                "name": item.name,
                "changes": item.changes,
                "mean_stringency": round(float(item.path.stringency.mean()), 3),
                "reference_stringency": round(float(item.reference.stringency.mean()), 3),
                "difference": _rounded(item.difference),
                "lower": _rounded(item.lower),
                "upper": _rounded(item.upper),
                "days_outside_support": item.outside_days,
            }
            for item in contrasts
        ],
        "interval": "80%: calibration (weeks resampled) and sampling of personas; not the residual of single days",
        "claims": "behavioural plausibility under the engine's assumptions, not a causal effect",
    }
    record = RunRecord(
        kind="compare",
        study_id=parent.study_id,
        study_hash=parent.study_hash,
        engine=parent.engine,
        engine_version=parent.engine_version,
        seed=parent.seed,
        personas=len(twin.personas),
        input_hashes=parent.input_hashes,
        population_id=parent.population_id,
        population_hash=parent.population_hash,
        timeline_id=scenarios[0].id if scenarios else None,
        parameters={"of_run": run_id, "scenarios": [item.id for item in scenarios]},
        train_end=parent.train_end,
        test_end=parent.test_end,
        calibrator=parent.calibrator,
        result_hash=content_hash(values),
    )
    values["run_id"] = record.run_id
    values["seconds"] = round(time.perf_counter() - began, 3)
    frames = [
        path.rename_axis(index="date").melt(ignore_index=False, var_name="behaviour", value_name="value")
        .reset_index().assign(forecaster=name, phase="counterfactual")
        for name, path in [("reference", contrasts[0].reference.metric), *((item.name, item.path.metric) for item in contrasts)]
    ] if contrasts else []  # fmt: skip
    store.begin_run(record)
    tables = {"forecasts": pd.concat(frames, ignore_index=True)} if frames else {}
    store.finish_run(record.run_id, tables, values, seconds=values["seconds"])
    return values, contrasts


def _rounded(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}
