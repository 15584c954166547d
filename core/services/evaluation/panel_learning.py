"""What the places of a study's panel teach each other, as tables that a run of any of them starts from (`forecast.learned`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from core.calibration.learned import ALL_TEACHERS, KNOWN_UNTIL, WEIGHTS_FILE, WITHOUT
from core.calibration.pace import pace_of
from core.calibration.transfer_prior import TREND_FILE
from core.csv_out import write_csv
from core.datasets.panels import load_panel
from core.errors import InputError
from core.execution.executor import IN_THIS_PROCESS, Executor
from core.execution.progress import ProgressReporter, each_of
from core.files_out import written_together
from core.forecasting.backtest import FEWEST_OTHERS
from core.forecasting.intervals import WITH_INTERVALS, PastErrors, conformal_widths
from core.forecasting.learned_widths import WIDTHS_FILE, widths_rows
from core.forecasting.panel_learning import PanelTeachers
from core.forecasting.panel_people import people_of_places
from core.forecasting.past import past_forecasts
from core.forecasting.places import last_observed, places_from_panel
from core.services.evaluation.requests import PanelLearnRequest
from core.services.evaluation.results import LearnResult
from core.services.studies.inputs import observations_folder
from core.study import load_study

Rows = list[dict[str, object]]


def learn_panel(
    request: PanelLearnRequest, *, watch: ProgressReporter | None = None, executor: Executor = IN_THIS_PROCESS
) -> LearnResult:
    """Write, for each place as though it did not exist, and for all together: how much of a simulated effect of policy to follow,
    how things drift for other reasons, and how wide intervals are, by the last period known.

    The same as in a backtest of the panel, from forecasts an inner horizon ahead (`core.calibration.pace`). InputError for a
    study without a panel, tables that cannot be read, places too few or too short to learn from, and a folder that holds
    something else; then nothing is written.
    """
    watch = watch or ProgressReporter()
    watch.report("ingest", 0, 1, "reading the tables")
    study = replace(load_study(request.study), learned=None)
    places, left_out = places_from_panel(study, load_panel(study, request.data or observations_folder(study)))
    last = max(map(last_observed, places), default=study.start)
    until = sorted(map(study.step.first_day, request.until)) if request.until else [last]
    _, people = people_of_places(study, places, request.personas, 0)
    longest = pace_of(study).inner_horizon
    work = [(item, people[item.study.id], min(last_observed(item), until[-1]), longest) for item in places]
    past = each_of(past_forecasts, work, watch, "calibrate", "places", executor)
    left_out |= {f"{item.place}, {origin}": why for item in past for origin, why in item.left_out.items()}
    teaching = PanelTeachers(past, study, until)
    days = until if request.until else teaching.days
    errors = {item.place: teaching.errors(item) for item in past}
    rows = each_of(
        _rows,
        [(teaching, errors, without, days) for without in ("", *errors)],
        watch,
        "validate",
        "places left out",
        executor,
    )
    tables = {
        file: pd.DataFrame([row for part in rows for row in part[file]])
        for file in (WEIGHTS_FILE, TREND_FILE, WIDTHS_FILE)
    }
    if tables[WEIGHTS_FILE].empty:
        raise InputError(
            f"its places are {len(places)}, and none has a past to learn from", where=f"study {study.id}",
            allowed=f"two places or more with over {pace_of(study).past_training} {study.step}s",
        )  # fmt: skip
    with written_together(request.to, "learned tables", _are_learned) as stage:
        stage.mkdir(parents=True, exist_ok=True)
        for file, table in tables.items():
            if len(table):
                write_csv(table, stage / file)
    watch.finish("store", "done")
    return LearnResult(folder=str(request.to), days=tuple(days), countries=len(past), left_out=left_out)


def _are_learned(folder: Path) -> bool:
    """Whether a folder holds an earlier learning of places."""
    try:
        return (folder / TREND_FILE).read_text(encoding="utf-8").startswith(f"{WITHOUT},{KNOWN_UNTIL}")
    except (OSError, UnicodeDecodeError):
        return False


def _rows(
    teaching: PanelTeachers, errors: dict[str, PastErrors], without: str, days: Sequence[date]
) -> dict[str, Rows]:
    """Rows of each table by file name, as though the place did not exist; a plain function, for worker processes."""
    found: dict[str, Rows] = {WEIGHTS_FILE: [], TREND_FILE: [], WIDTHS_FILE: []}
    priors = teaching.priors(without)
    others = [item for name, item in errors.items() if name != without]
    for day in days:
        if not any(known <= day for known in priors.known):
            continue
        learned, head = priors.at(day), {WITHOUT: without or ALL_TEACHERS, KNOWN_UNTIL: str(day)}
        found[WEIGHTS_FILE].append({**head, "weight": round(learned.weight, 4), "places": len(others)})
        found[TREND_FILE] += [
            {
                **head,
                "behaviour": name,
                "drift": round(float(drift), 6),
                "damping": learned.damping,
                "places": len(others),
            }
            for name, drift in zip(teaching.behaviours, learned.drift, strict=True)
        ]
        if len(others) >= FEWEST_OTHERS:
            for forecaster in WITH_INTERVALS:
                widths = conformal_widths(others, forecaster, day)
                found[WIDTHS_FILE] += [{**head, **row} for row in widths_rows(widths, forecaster, len(others))]
    return found
