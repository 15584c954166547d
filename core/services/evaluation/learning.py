"""From files of many places to what forecasts and intervals start from: a folder of tables, with the days they know.

Every table has rows that all teachers had a say in, and for each teacher rows as though that place did not exist: what a
forecast of that place is given (`core.calibration.learned`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.calibration.learned import ALL_TEACHERS, KNOWN_UNTIL, WEIGHTS_FILE, WITHOUT
from core.calibration.transfer_prior import DRIFT_FILE, LONGEST
from core.cognition.coefficients import load_coefficients
from core.cognition.rules import RulesEngine
from core.counterfactual.effect_uncertainty import DAYS_OFF_FILE, EFFECTS_FILE
from core.csv_out import write_csv
from core.datasets.tables import read_mobility, read_policy
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.files_out import written_together
from core.forecasting.days_off_learning import days_off_spread, holidays_of
from core.forecasting.effect_learning import effect_spread, weekly_effects
from core.forecasting.intervals import Widths, pooled_widths
from core.forecasting.learned_widths import WIDTHS_FILE, widths_rows
from core.forecasting.past import PastForecasts, past_forecasts
from core.forecasting.places import Place, last_observed, places_from_tables
from core.forecasting.teachers import Teachers, is_held_out, teachers_of
from core.forecasting.weight_learning import LearnedForecast, learn_forecast
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.services.evaluation.requests import LearnRequest
from core.services.evaluation.results import LearnResult
from core.services.studies.origins import PERSONAS, POPULATION

Rows = list[dict[str, object]]
FILES = (WEIGHTS_FILE, DRIFT_FILE, WIDTHS_FILE, EFFECTS_FILE, DAYS_OFF_FILE)
#: Places that one piece of work leaves out, one after the other.
BATCH = 8


def learn(
    request: LearnRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> LearnResult:
    """Write the tables of what may be known by each day asked for into a folder; countries kept for exams teach nothing.

    1. forecasts of each teacher from origins of its past, before anything is learned;
    2. the policy weight, and beside it recovery and season;
    3. widths of intervals and the spread of effects, from errors of forecasts that know what was learned in step 2 by then,
       each from the other places alone;
    4. the spread of activity on days off, from public holidays;
    5. steps 2 to 4 again without each teacher in turn.

    InputError for files that cannot be read, and for a day too early to learn anything by; then nothing is written, and where a
    file in the folder of one of their names is no learned table; DiskFull where there is no room.
    """
    with written_together(request.to, "learned tables", _are_learned) as stage:
        return _learn(request, stage, watch or ProgressReporter(), executor)


def _are_learned(folder: Path) -> bool:
    """Whether a folder holds an earlier learning: its table of recovery and season says by when it was known."""
    try:
        with (folder / DRIFT_FILE).open(encoding="utf-8") as file:
            return file.readline().startswith((WITHOUT, KNOWN_UNTIL))
    except (OSError, UnicodeDecodeError):
        return False


def _learn(request: LearnRequest, stage: Path, watch: ProgressReporter, executor: Executor) -> LearnResult:
    watch.report("ingest", 0, 1, "reading the tables")
    mobility, policy = read_mobility(request.mobility, allow_gaps=True), read_policy(request.policy)
    places, left_out = places_from_tables(mobility, policy, None)
    taught = [
        replace(item, study=replace(item.study, learned=None)) for item in places if not is_held_out(item.study.id)
    ]
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, 0).personas
    days = sorted(set(request.until))
    work = [(item, personas, days[-1]) for item in taught]
    with executor.share(personas):
        told = each_of(_told_by, work, watch, "calibrate", "places", executor)
    past = [item[0] for item in told]
    left_out |= {f"{item.place}, {origin}": why for item in past for origin, why in item.left_out.items()}
    teachers = teachers_of(past)
    holidays = {item.place: frame for item, frame in told}
    without = [None, *teachers.places]
    batches = [without[first : first + BATCH] for first in range(0, len(without), BATCH)]
    shared = [(teachers, holidays, days, batch) for batch in batches]
    with executor.share(teachers, holidays):
        parts = each_of(learned_rows, shared, watch, "validate", "times eight places left out", executor)
    stage.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        write_csv(pd.DataFrame([row for part in parts for row in part[file]]), stage / file)
    watch.finish("store", "done")
    return LearnResult(
        folder=str(request.to), days=tuple(days), countries=len(teachers.places), left_out=left_out
    )  # fmt: skip


def _told_by(place: Place, personas: pd.DataFrame, last: date) -> tuple[PastForecasts, pd.DataFrame]:
    until = min(last_observed(place), last)
    engine = RulesEngine.for_study(place.study, load_coefficients(place.study.coefficients_file))
    return past_forecasts(place, personas, until, LONGEST), holidays_of(place, engine, personas, until)


def learned_rows(
    teachers: Teachers, holidays: Mapping[str, pd.DataFrame], days: Sequence[date], without: Sequence[str | None]
) -> dict[str, Rows]:
    """Rows of each table by file name, for each of `without` as though that place did not exist (None: of all teachers).

    `holidays` are `holidays_of` each teacher. A plain function of its arguments, so that a worker process can run it.
    """
    found: dict[str, Rows] = {file: [] for file in FILES}
    for place in without:
        others = teachers.without(place)
        learned = learn_forecast(others, days)
        effects = weekly_effects(others, learned.errors)
        observed = [frame for name, frame in holidays.items() if name != place]
        for number, day in enumerate(days):
            head = {WITHOUT: place or ALL_TEACHERS, KNOWN_UNTIL: str(day)}
            for file, rows in _of_day(others, learned, effects, observed, number).items():
                found[file] += [{**head, **row} for row in rows]
    return found


def _of_day(
    teachers: Teachers,
    learned: LearnedForecast,
    weeks: tuple[np.ndarray, np.ndarray],
    holidays: Sequence[pd.DataFrame],
    number: int,
) -> dict[str, Rows]:
    day = learned.days[number]
    drift, known = learned.drifts[number].everyone, teachers.known_days(day)
    sizes = {
        "twin": np.abs(learned.errors) / teachers.twin_scale,
        "seasonal_naive": np.abs(teachers.naive) / teachers.naive_scale,
    }
    widths: Rows = []
    for forecaster, values in sizes.items():
        by_behaviour = {
            name: pooled_widths([(values[..., column], known)]) for column, name in enumerate(teachers.behaviours)
        }
        widths += widths_rows(Widths(by_behaviour), forecaster, len(teachers.places))
    effects = effect_spread(teachers, *weeks, learned.weight, day)
    return {
        WEIGHTS_FILE: [{"weight": round(learned.weights[number], 3), "places": len(teachers.places)}],
        DRIFT_FILE: [
            {"behaviour": name, "recovery": round(float(recovery), 4), "season": round(float(season), 4)}
            for name, (recovery, season) in zip(teachers.behaviours, drift, strict=True)
        ],
        WIDTHS_FILE: widths,
        EFFECTS_FILE: [
            {"behaviour": name, "ratio": round(ratio, 3), "spread": round(spread, 3), "places": places}
            for name, (ratio, spread, places) in effects.items()
        ],
        DAYS_OFF_FILE: [
            {"behaviour": name, "factor": round(factor, 3), "spread": round(spread, 3), "places": places}
            for name, (factor, spread, places) in days_off_spread(holidays, day).items()
        ],
    }
