"""Backtests over many places, from files to printed rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from core.cognition.registry import DEFAULT_ENGINE
from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.forecasting.backtest import forecast_place, rows_of, summary_of, unscored, widths_from_others
from core.forecasting.baselines import backtest_baselines
from core.forecasting.places import places_from_tables
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.records import code_version

POPULATION = "world"
PERSONAS = 300
LONGEST_HORIZON = 365


def backtest(
    mobility: Path,
    policy: Path,
    cases: Path | None,
    origins: Sequence[date],
    horizons: Sequence[int],
    *,
    countries: Sequence[str] | None = None,
    seed: int = 0,
    watch: ProgressReporter | None = None,
    executor: Executor = IN_THIS_PROCESS,
) -> dict[str, Any]:
    """Rolling origins over the places of these files: `rows`, their `summary`, and what was left out and why.

    Places are evaluated in parallel where there is an executor; the result does not depend on it. InputError for a file
    that cannot be read, an origin or horizon that makes no sense, and an unknown place.
    """
    began = time.perf_counter()
    watch = watch or ProgressReporter()
    origins, horizons = checked(origins, horizons, "backtest")
    watch.report("ingest", 0, 1, "reading the tables")
    places, left_out = places_from_tables(
        read_mobility(mobility, allow_gaps=True),
        read_policy(policy),
        None if cases is None else read_cases(cases),
        wanted=countries,
    )
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, seed).personas
    work = [(place, personas, origins, max(horizons)) for place in places]
    with executor.share(personas):
        done = each_of(forecast_place, work, watch, "validate", "places", executor)
    rows = [row for item in done for row in rows_of(item, horizons, widths_from_others(done, item))]
    for item in done:
        left_out |= unscored(item, horizons)
    return {
        "rows": rows,
        "summary": summary_of(rows, list(backtest_baselines())),
        "left_out": left_out,
        "engine": DEFAULT_ENGINE,
        "population": POPULATION,
        "personas": PERSONAS,
        "code_version": code_version(),
        "seconds": round(time.perf_counter() - began, 2),
    }


def checked(origins: Sequence[date], horizons: Sequence[int], where: str) -> tuple[list[date], list[int]]:
    """Origins and horizons, each once, in order; InputError for none, and for a horizon that makes no sense."""
    if not origins:
        raise InputError("no origin is given", where=where, allowed="one or more days")
    return sorted(set(origins)), checked_horizons(horizons, where)


def checked_horizons(horizons: Sequence[int], where: str) -> list[int]:
    """The horizons, each once, in order; InputError for none and for one that makes no sense."""
    for horizon in horizons:
        if not 1 <= horizon <= LONGEST_HORIZON:
            raise InputError(
                f"a horizon of {horizon} days",
                where=where,
                allowed=f"1 to {LONGEST_HORIZON}",
                nearest=str(min(max(horizon, 1), LONGEST_HORIZON)),
            )
    if not horizons:
        raise InputError("no horizon is given", where=where, allowed="one or more numbers of days")
    return sorted(set(horizons))
