"""Backtests over the places of a study's own panel, and how they are kept."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from core.calibration.problem import inner_spans
from core.cognition.registry import DEFAULT_ENGINE, engine_for
from core.datasets.panels import PanelTables, load_panel
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.backtest import PlaceForecasts, forecast_place, learn_rivals, widths_known
from core.forecasting.backtest_scores import TWIN
from core.forecasting.intervals import WITH_INTERVALS, PastErrors, Widths
from core.forecasting.own_widths import own_widths
from core.forecasting.panel_backtest import PanelSummary, panel_rows, panel_summary
from core.forecasting.panel_learning import PanelTeachers
from core.forecasting.panel_people import people_of_places
from core.forecasting.past import past_forecasts
from core.forecasting.places import last_observed, places_from_panel
from core.records import RUNGS, RunRecord, code_version, content_hash, frame_hash
from core.services.evaluation.kept import found_before, keep
from core.services.evaluation.requests import PanelBacktestRequest
from core.services.evaluation.results import PanelBacktestResult
from core.services.studies.inputs import engine_texts, observations_folder, study_hash
from core.store.database import Store
from core.study import Study, read_study

#: So many places, spread evenly over those that can teach, tell what the twin may learn of others; rivals learn from all.
MOST_TEACHERS = 100


def panel_backtest(
    request: PanelBacktestRequest,
    store: Store | None = None,
    *,
    watch: ProgressReporter | None = None,
    again: bool = False,
    executor: Executor = IN_THIS_PROCESS,
) -> PanelBacktestResult:
    """The backtest of a study's panel: of the store, where it has what this code measured on equal tables, else measured and,
    where there is a store, kept.

    InputError for a study without a panel, an unknown place, and tables that cannot be read; Cancelled where the watch says
    stop.
    """
    began, watch = time.perf_counter(), watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the tables")
    study, given = read_study(request.study)
    tables = load_panel(study, request.data or observations_folder(study))
    pool = None if request.pool is None else load_panel(study, request.pool)
    record = _record_of(request, study, tables, pool)
    same = None if again else found_before(PanelBacktestResult, store, record, watch)
    if same is not None:
        return same
    result = _measured(request, study, tables, pool, watch, executor)
    result = replace(result, seconds=round(time.perf_counter() - began, 2))
    if store is None or not result.rows:
        return result
    kept = replace(result, run_id=record.run_id)
    finished = replace(record, code_version=result.code_version, rung=RUNGS[0], result_hash=content_hash(result.rows))
    keep(store, study, given, finished, kept, kept.seconds, watch)
    return kept


def _measured(
    request: PanelBacktestRequest,
    study: Study,
    tables: PanelTables,
    pool: PanelTables | None,
    watch: ProgressReporter,
    executor: Executor,
) -> PanelBacktestResult:
    # What places teach each other is learned here, from those asked about or those of the pool.
    study = replace(study, learned=None)
    places, left_out = places_from_panel(study, tables, request.wanted())
    every = places_from_panel(study, tables)[0] if pool is None and request.places != "all" else places
    teachers = every if pool is None else places_from_panel(study, pool)[0]
    count = study.personas if request.personas is None else request.personas
    longest, origins = max(request.horizons), tuple(map(study.step.first_day, request.origins))
    # A place that is asked about and teaches is looked at once. What more teachers would add is less than what they take, and
    # of a small panel every place is looked at, for where widths of others are too few its own stand in.
    told = teachers[:: max(-(-len(teachers) // MOST_TEACHERS), 1)]
    own = {place.study.id: place for place in ((*told, *places) if len(told) == len(teachers) else told)}
    personas, people = people_of_places(study, [*told, *places], count, request.seed)
    work = [(place, people[name], min(last_observed(place), max(origins)), longest) for name, place in own.items()]
    with executor.share(personas, teachers):
        past = dict(zip(own, each_of(past_forecasts, work, watch, "learn", "places", executor), strict=True))
        rivals = each_of(
            learn_rivals, [(teachers, day, longest) for day in origins], watch, "learn", "origins", executor
        )
    names = [place.study.id for place in told]
    # What may be known is asked for at the origins, and at those inside training from which calibrators are chosen.
    inner = {span[0] for place in places for day in origins for span in inner_spans(place.study, day)}
    teaching = PanelTeachers([past[name] for name in names], study, [*origins, *inner])
    learned = dict(zip(origins, rivals, strict=True))
    errors = {name: teaching.errors(item) for name, item in past.items()}
    unseen = PastErrors(study.behaviour_ids, (), {}, {}, np.empty(0), step=study.step)
    work_of = [
        (place, people[place.study.id], origins, longest, None, learned,
         teaching.priors(place.study.id, place.study.behaviour_ids), errors.get(place.study.id, unseen))
        for place in places
    ]  # fmt: skip
    with executor.share(personas, learned):
        found = each_of(forecast_place, work_of, watch, "validate", "places", executor)
    first, rows = study.behaviours[0], []
    for place, item in zip(places, found, strict=True):
        others = [errors[name] for name in names if name != item.place]
        more, why = panel_rows(place, item, request.horizons, _widths(item, others, errors.get(item.place)), first.id)
        rows += more
        left_out |= why
    return PanelBacktestResult(
        study=study.id, fictional=study.fictional, step=str(study.step), behaviour=first.id, label=first.label,
        unit=study.metric_unit, rows=tuple(rows), summary=panel_summary(rows) if rows else PanelSummary(),
        left_out=left_out, learned_from=len(told), personas=count, code_version=code_version(), seconds=0.0,
    )  # fmt: skip


def _widths(
    found: PlaceForecasts, others: Sequence[PastErrors], own: PastErrors | None
) -> Mapping[tuple[str, date], Widths]:
    """Widths of intervals from the past errors of other places; where these are too few, from the place's own."""
    every = [(name, origin) for name in WITH_INTERVALS for origin in found.forecasts]
    known = widths_known(others, found)
    if own is None:
        return known
    return {which: known.get(which) or own_widths(own, *which).widths for which in every}


def _record_of(request: PanelBacktestRequest, study: Study, tables: PanelTables, pool: PanelTables | None) -> RunRecord:
    engine = engine_for(study, DEFAULT_ENGINE)
    observed = {"mobility": frame_hash(tables.mobility), "policy": frame_hash(tables.policy)}
    if len(tables.shares):
        observed["shares"] = frame_hash(tables.shares)
    if pool is not None:
        observed |= {"pool_mobility": frame_hash(pool.mobility), "pool_policy": frame_hash(pool.policy)}
    wanted = request.wanted()
    return RunRecord(
        kind=PanelBacktestResult.kind,
        study_id=study.id,
        study_hash=study_hash(study),
        engine=engine.name,
        engine_version=engine.version,
        seed=request.seed,
        personas=study.personas if request.personas is None else request.personas,
        input_hashes={**observed, **{name: content_hash(text) for name, text in engine_texts(study).items()}},
        parameters={
            "study": str(request.study),
            "origins": [study.step.text(day) for day in request.origins],
            "horizons": list(request.horizons),
            "places": None if wanted is None else list(wanted),
        },
        calibrator=TWIN,
    )
