"""From files of many places to the table of recovery and season that forecasts start from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from core.calibration.drift import LONGEST
from core.datasets.tables import read_mobility, read_policy
from core.forecasting.backtest import past_errors
from core.forecasting.drift_learning import PlaceErrors, drift_table, kept_for_exams
from core.forecasting.places import Place, last_observed, places_from_tables
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.services.backtesting import PERSONAS, POPULATION
from core.services.progress import Watch


def learn_drift_file(
    mobility: Path,
    policy: Path,
    days: Sequence[date],
    to: Path,
    *,
    seed: int = 0,
    watch: Watch | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Write what may be known by each of `days` as a CSV table; returns the file, the days and the countries' number.

    Countries kept for exams teach nothing. InputError for files that cannot be read, and for a day too early to learn
    anything by; then nothing is written.
    """
    watch = watch or Watch()
    watch.report("ingest", 0, 1, "reading the tables")
    places, _ = places_from_tables(read_mobility(mobility, allow_gaps=True), read_policy(policy), None)
    teachers = [item for item in places if not kept_for_exams(item.study.id)]
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, seed).personas
    days = sorted(set(days))
    pending = None
    if executor is not None:
        pending = [executor.submit(errors_without_drift, item, personas, days[-1]) for item in teachers]
    errors = []
    for number, item in enumerate(teachers):
        watch.report("calibrate", number, len(teachers), "places")
        errors.append(pending[number].result() if pending else errors_without_drift(item, personas, days[-1]))
    table = drift_table(errors, days)
    table.to_csv(to, index=False, lineterminator="\n")
    watch.finish("store", "done")
    return {"file": str(to), "days": [str(day) for day in days], "countries": len(teachers)}


def errors_without_drift(place: Place, personas: pd.DataFrame, last: date) -> PlaceErrors:
    """What the place's twin missed at origins of the past, had it known nothing of drift."""
    plain = replace(place, study=replace(place.study, drift_file=None))
    return PlaceErrors(past_errors(plain, personas, min(last_observed(place), last), LONGEST), place.study.latitude)
