"""One country's forecast of the backtest again, day by day: a backtest keeps scores and no curves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from core.datasets.tables import read_cases, read_mobility, read_policy
from core.errors import InputError
from core.execution.progress import ProgressReporter
from core.forecasting.backtest import forecast_place
from core.forecasting.backtest_scores import TWIN
from core.forecasting.baselines import BASELINES
from core.forecasting.past import known_at
from core.forecasting.places import places_from_tables
from core.people.personas import synthesise
from core.people.population_file import load_population_spec
from core.services.evaluation.requests import BacktestRequest
from core.services.studies.origins import PERSONAS, POPULATION
from core.statistics.levels import LEVELS

#: Days before the origin that a curve shows, and the level of its interval.
BEFORE, LEVEL = 90, 80


@dataclass(frozen=True)
class CountryForecast:
    """What one country did around an `origin`, and what was forecast: by behaviour, a frame of days with `observed`, and after
    the origin `twin`, the ends of its 80% interval (`lower`, `upper`; missing where none is known) and the `baseline`."""

    country: str
    origin: date
    rival: str
    curves: dict[str, pd.DataFrame]
    labels: dict[str, str]
    unit: str


def country_forecast(
    request: BacktestRequest, country: str, origin: date, rival: str, watch: ProgressReporter | None = None
) -> CountryForecast:
    """Forecast `country` from `origin` to the request's longest horizon as its backtest does. Of the baselines `rival` alone,
    which learns from all places where it learns from places.

    InputError for a country that the files lack or that cannot be forecast from there. Cancelled where the watch says stop.
    """
    watch = watch or ProgressReporter()
    watch.report("validate", 0, 3, "steps")
    tables = (
        read_mobility(request.mobility, allow_gaps=True),
        read_policy(request.policy),
        None if request.cases is None else read_cases(request.cases),
    )
    learn = BASELINES[rival].learn
    places, left_out = places_from_tables(*tables, wanted=[country] if learn is None else None)
    place = next((item for item in places if item.study.id == country), None)
    if place is None:
        raise InputError(
            left_out.get(country, "is not in the tables"), where=country, allowed="a country of the backtest"
        )
    longest = max(request.horizons)
    watch.report("validate", 1, 3, "steps")
    learned = {}
    if learn is not None:
        ahead = place.study.step.periods(place.study.step.after(origin, 1), place.study.step.after(origin, longest))
        begun = [
            item
            for item in places
            if item.study.start <= origin and len(item.observations.loc[: pd.Timestamp(origin)].dropna(how="all")) > 1
        ]
        learned = {origin: {rival: learn([known_at(item, origin, ahead) for item in begun])}}
    watch.report("validate", 2, 3, "steps")
    personas = synthesise(load_population_spec(POPULATION), PERSONAS, request.seed).personas
    found = forecast_place(place, personas, [origin], longest, [rival], learned)
    if origin not in found.forecasts:
        raise InputError(found.left_out[origin], where=f"{country} after {origin}", allowed="an earlier origin")
    twin, baseline = found.forecasts[origin][TWIN], found.forecasts[origin][rival]
    widths, scales = found.widths.get((TWIN, origin)), found.scales[origin][TWIN]
    shown = pd.date_range(pd.Timestamp(origin) - pd.Timedelta(days=BEFORE), twin.index.max())
    curves = {}
    for name in twin.columns:
        half = (
            float("nan")
            if widths is None
            else widths.of(str(name), place.study.step.places(pd.DatetimeIndex(twin.index), origin))[
                LEVELS.index(LEVEL)
            ]
            * scales[name]
        )
        frame = pd.DataFrame(
            {"twin": twin[name], "lower": twin[name] - half, "upper": twin[name] + half, "baseline": baseline[name]}
        )
        curves[str(name)] = frame.reindex(shown).assign(observed=found.observations[name].reindex(shown))
    labels = {item.id: item.label for item in place.study.behaviours}
    watch.finish("store", "done")
    return CountryForecast(country, origin, rival, curves, labels, place.study.metric_unit)
