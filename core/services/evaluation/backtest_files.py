"""Backtests over many places, from files to rows."""

from __future__ import annotations

import time

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.backtest import forecast_place, learn_rivals, rows_of, unscored, widths_from_others
from core.forecasting.backtest_scores import summary_of
from core.forecasting.baselines import backtest_baselines
from core.forecasting.places import places_from_tables
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.records import code_version
from core.services.evaluation.requests import BacktestRequest
from core.services.evaluation.results import BacktestResult
from core.services.studies.origins import PERSONAS, POPULATION


def measure_backtest(
    request: BacktestRequest, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> BacktestResult:
    """Rolling origins over the places of the request's files.

    Places are evaluated in parallel where there is an executor; the result does not depend on it. InputError for a file
    that cannot be read, and an unknown place; Cancelled where the watch says stop.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the tables")
    places, left_out = places_from_tables(
        read_mobility(request.mobility, allow_gaps=True),
        read_policy(request.policy),
        None if request.cases is None else read_cases(request.cases),
        wanted=request.countries,
    )
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, request.seed).personas
    longest = max(request.horizons)
    with executor.share(personas, places):
        taught = each_of(
            learn_rivals, [(places, day, longest) for day in request.origins], watch, "learn", "origins", executor
        )
    learned = dict(zip(request.origins, taught, strict=True))
    work = [(place, personas, list(request.origins), longest, None, learned) for place in places]
    with executor.share(personas, learned):
        done = each_of(forecast_place, work, watch, "validate", "places", executor)
    rows = [row for item in done for row in rows_of(item, request.horizons, widths_from_others(done, item))]
    for item in done:
        left_out |= unscored(item, request.horizons)
    return BacktestResult(
        rows=tuple(rows),
        summary=summary_of(rows, list(backtest_baselines())),
        left_out=left_out,
        population=POPULATION,
        personas=PERSONAS,
        code_version=code_version(),
        seconds=round(time.perf_counter() - began, 2),
    )
