"""From files of many places to what forecasts and intervals start from: a folder of tables, with the days they know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from core.calibration.drift import DRIFT_FILE, LONGEST
from core.calibration.twin import FORECAST_DEFAULTS
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.counterfactual.engine_error import DAYS_OFF_FILE, EFFECTS_FILE
from core.csv_out import write_csv
from core.datasets.tables import read_mobility, read_policy
from core.errors import InputError
from core.files_out import written_together
from core.forecasting.backtest import past_errors
from core.forecasting.days_off_learning import days_off_spread, holidays_of
from core.forecasting.drift_learning import PlaceErrors, drift_table, kept_for_exams
from core.forecasting.effect_learning import effect_spread
from core.forecasting.intervals import PastErrors, conformal_widths
from core.forecasting.learned_widths import WIDTHS_FILE, widths_rows
from core.forecasting.places import Place, last_observed, places_from_tables
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.processes import one_thread
from core.services.backtesting import PERSONAS, POPULATION
from core.services.progress import Found, Watch, each_of


def learn(
    mobility: Path,
    policy: Path,
    days: Sequence[date],
    to: Path,
    *,
    seed: int = 0,
    watch: Watch | None = None,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Write the tables of what may be known by each of `days` into the folder `to`; countries kept for exams teach nothing.

    1. recovery and season, from errors of twins that know of none;
    2. widths of intervals and the spread of effects, from errors of twins that know what was learned in step 1 by then;
    3. the spread of activity on days off, from public holidays.

    InputError for files that cannot be read, and for a day too early to learn anything by; then nothing is written, and where a
    file in `to` of one of their names is no learned table; DiskFull where there is no room.
    """
    with written_together(to, "learned tables", _are_learned) as stage:
        values = _learn(mobility, policy, days, stage, seed=seed, watch=watch, executor=executor)
    return {**values, "folder": str(to)}


def _are_learned(folder: Path) -> bool:
    """Whether a folder holds an earlier learning: its table of recovery and season says by when it was known."""
    try:
        with (folder / DRIFT_FILE).open(encoding="utf-8") as file:
            return file.readline().startswith("known_until")
    except (OSError, UnicodeDecodeError):
        return False


def _learn(
    mobility: Path,
    policy: Path,
    days: Sequence[date],
    to: Path,
    *,
    seed: int,
    watch: Watch | None,
    executor: Executor | None,
) -> dict[str, Any]:
    watch = watch or Watch()
    watch.report("ingest", 0, 1, "reading the tables")
    if not days:
        raise InputError("no day is given", where="learn", allowed="one or more days to learn up to")
    places, _ = places_from_tables(read_mobility(mobility, allow_gaps=True), read_policy(policy), None)
    teachers = [item for item in places if not kept_for_exams(item.study.id)]
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, seed).personas
    days = sorted(set(days))

    def of_each(work: Callable[[Place, pd.DataFrame, date], Found], taught: Sequence[Place]) -> list[Found]:
        return each_of(work, [(item, personas, days[-1]) for item in taught], watch, "calibrate", "places", executor)

    plain = [replace(item, study=replace(item.study, learned=None)) for item in teachers]
    unknowing = of_each(_errors_of, plain)
    latitudes = [item.study.latitude for item in teachers]
    drift = drift_table([PlaceErrors(*pair) for pair in zip(unknowing, latitudes, strict=True)], days)
    to.mkdir(parents=True, exist_ok=True)
    write_csv(drift, to / DRIFT_FILE)
    knowing = [replace(item, study=replace(item.study, learned=to.resolve())) for item in teachers]
    errors = of_each(_errors_of, knowing)
    widths = [row for day in days for row in widths_rows(conformal_widths(errors, "twin", day), day)]
    write_csv(pd.DataFrame(widths), to / WIDTHS_FILE)
    effects = [
        {
            "known_until": str(day),
            "behaviour": name,
            "ratio": round(ratio, 3),
            "spread": round(spread, 3),
            "countries": n,
        }
        for day in days
        for name, (ratio, spread, n) in effect_spread(errors, FORECAST_DEFAULTS["policy_trust"], day).items()
    ]
    write_csv(pd.DataFrame(effects), to / EFFECTS_FILE)
    holidays = of_each(_holidays_of, teachers)
    days_off = [
        {
            "known_until": str(day),
            "behaviour": name,
            "factor": round(factor, 3),
            "spread": round(spread, 3),
            "countries": n,
        }
        for day in days
        for name, (factor, spread, n) in days_off_spread(holidays, day).items()
    ]
    write_csv(pd.DataFrame(days_off), to / DAYS_OFF_FILE)
    watch.finish("store", "done")
    return {"folder": str(to), "days": [str(day) for day in days], "countries": len(teachers)}


@one_thread
def _errors_of(place: Place, personas: pd.DataFrame, last: date) -> PastErrors:
    return past_errors(place, personas, min(last_observed(place), last), LONGEST)


@one_thread
def _holidays_of(place: Place, personas: pd.DataFrame, last: date) -> pd.DataFrame:
    engine = RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))
    return holidays_of(place, engine, personas, min(last_observed(place), last))
