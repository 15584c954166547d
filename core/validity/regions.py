"""Accuracy by region: does the twin of a country serve its regions alike?

A region is forecast as a place of its own, under the national policy path and calendar. Forecasters that know the
region's past: the twin, calibrated and anchored on the region's own observations (as a place of the backtest is), and
two baselines. Forecasters that know the country's past only: the national twin, the national seasonal-naive, and, where
the population says who lives where, the national twin over the region's own people. What the latter miss beyond the
former is what a country's forecast does not say about its regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from core.calibration.pace import PACES
from core.calibration.problem import build_problem
from core.calibration.search import choose_calibrators
from core.calibration.twin import forecast_defaults, twin_forecast
from core.cognition.coefficients import load_coefficients
from core.cognition.engine import ResponseEngine
from core.cognition.rules import RulesEngine
from core.counterfactual.assemble import fitted_from
from core.counterfactual.trajectories import simulate_timeline
from core.datasets.regions import country_of
from core.errors import TooLittleObserved, one_of
from core.forecasting.backtest import counted_behaviours, why_not_counted
from core.forecasting.baselines import BASELINES, BaselineInputs
from core.forecasting.metrics import rmse
from core.forecasting.places import FEWEST_OBSERVED, Place, places_from_tables
from core.simulation.simulate import simulate
from core.study import Step

TWIN, NATIONAL, PEOPLE = "twin", "national_twin", "national_twin_own_people"
COMPARED = ("last_7_days", "seasonal_naive")
FEWEST_TRAINING = PACES[Step.DAY].past_training
NATIONAL_NAIVE = "national_seasonal_naive"
#: Regions are compared by this many behaviours at least.
FEWEST_SHARED = 3
FORECASTERS: dict[str, str] = {
    TWIN: "The twin, calibrated on the region's own past",
    "last_7_days": "The mean of the region's last 7 days",
    "seasonal_naive": "Each weekday's mean over the region's last 28 days",
    NATIONAL: "The national twin, without any data of the region",
    PEOPLE: "The national twin over the people of the region, without any data of it",
    NATIONAL_NAIVE: "Each weekday's mean over the country's last 28 days",
}


@dataclass(frozen=True)
class Region:
    """A region: its `code` and `name`, its `observations` (days × the country's behaviours, NaN where missing), and the
    `category` of the population's attribute that lives there, where it is known."""

    code: str
    name: str
    observations: pd.DataFrame
    category: str | None = None


@dataclass(frozen=True)
class Country:
    """A country with its regions. `observed` says whether the country as a whole was observed: without, `nation` carries
    policy and calendar only. `attribute` is the attribute of the population that says where people live."""

    nation: Place
    regions: tuple[Region, ...]
    observed: bool
    attribute: str | None = None

    @property
    def code(self) -> str:
        return self.nation.study.id


@dataclass(frozen=True)
class RegionForecasts:
    """Forecasts of one region after one origin by forecaster, each days × behaviours in units of the metric. A forecaster
    that has nothing to say about the region is not among them."""

    country: str
    region: str
    name: str
    origin: date
    forecasts: Mapping[str, pd.DataFrame]
    observations: pd.DataFrame


@dataclass(frozen=True)
class CountryForecasts:
    """The regions of a country that could be forecast from an origin; `left_out` says of the others, and of the country as
    a whole, why not."""

    regions: tuple[RegionForecasts, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RegionScore:
    """Errors of one region's forecasts from one origin at one horizon.

    behaviours: those that count, as in the backtest. observed: share of the cells of all the country's behaviours that were
    seen up to the origin. rmse: forecaster -> behaviour -> error; macro_rmse: its mean over the behaviours. shared: behaviours
    that count in all compared regions (`shared_behaviours`); shared_rmse: the mean over these, by which regions are compared;
    None for a region that is not.
    """

    country: str
    region: str
    name: str
    origin: str
    horizon: int
    behaviours: tuple[str, ...]
    observed: float
    rmse: Mapping[str, Mapping[str, float]]
    macro_rmse: Mapping[str, float]
    shared: tuple[str, ...]
    shared_rmse: Mapping[str, float] | None


def region_of(nation: Place, code: str, name: str, table: pd.DataFrame, category: str | None = None) -> Region:
    """A region of a country from its rows of a mobility table (`date` and the behaviours' columns).

    Days before the country's study and behaviours that the country lacks are dropped. TooLittleObserved where nothing is
    left.
    """
    columns = {item.column: item.id for item in nation.study.behaviours}
    rows = table.set_index("date").rename(columns=columns)
    frame = rows.reindex(columns=list(columns.values())).astype(float)
    last = frame.dropna(how="all").index.max()
    if pd.isna(last):
        raise TooLittleObserved("was never observed", where=code, allowed="a region with observations")
    days = pd.date_range(nation.study.start, last, freq="D", unit="us", name="date")
    return Region(code, name, frame.reindex(days), category)


def countries_of(
    regions: pd.DataFrame,
    names: Mapping[str, str],
    policy: pd.DataFrame,
    national: pd.DataFrame | None,
    wanted: Sequence[str] | None = None,
) -> tuple[list[Country], dict[str, str]]:
    """The countries of a table of regions, by ISO-3 code, and why countries and regions are left out.

    Tables are those of `core.datasets` readers. Without `national` (mobility of countries) what the national twin says
    of a region is not known. InputError for a wanted country without regions.
    """
    owner = {str(place): country_of(str(place)) for place in regions["place"].unique()}
    present = sorted({code for code in owner.values() if code is not None})
    for code in wanted or ():
        one_of(code, present, what="country with regions", where="mobility table")
    left_out = {place: "of no known country" for place, code in owner.items() if code is None}
    countries = []
    for code in wanted or present:
        own = regions[[owner[str(place)] == code for place in regions["place"]]]
        whole = None if national is None else national[national["place"] == code]
        values = [name for name in own.columns if name not in ("place", "date")]
        # Without the country itself, the mean of its regions only says which days and behaviours there are.
        observed = whole is not None and len(whole) > 0
        mean = own.groupby("date", as_index=False)[values].mean().assign(place=code)
        found, why = places_from_tables(whole if whole is not None and observed else mean, policy, None, wanted=[code])
        if not found:
            left_out |= why
            continue
        nation = found[0]
        places = []
        for place, part in own.groupby("place"):
            try:
                places.append(region_of(nation, str(place), names.get(str(place), str(place)), part))
            except TooLittleObserved as why:
                left_out[str(place)] = why.problem
        countries.append(Country(nation, tuple(places), observed))
    return countries, left_out


def forecast_regions(
    country: Country, personas: pd.DataFrame, origin: date, longest: int, engine: ResponseEngine | None = None
) -> CountryForecasts:
    """Every region that can be forecast from `origin`, up to `longest` days ahead.

    `engine` answers for all the country's behaviours (None: the study's rules, as given; nothing is searched). Of what
    was observed after the origin nothing is used. A region without a behaviour that was observed on 60 days by then is
    left out.
    """
    nation = country.nation
    engine = engine or RulesEngine.for_study(nation.study, load_coefficients(nation.study.coefficients_file))
    end = min(origin + timedelta(days=longest), nation.study.end)
    days = pd.date_range(origin + timedelta(days=1), end, freq="D")
    left_out: dict[str, str] = {}
    shared: dict[object, pd.DataFrame] = {}
    try:
        shared = _national(country, engine, personas, origin, end)
    except TooLittleObserved as why:
        left_out[f"{country.code} as a whole after {origin}"] = why.problem
    found = []
    for region in country.regions:
        try:
            place = _known_by(nation, region, origin)
            own = _twin(place, nation, engine, personas, origin, end)
        except TooLittleObserved as why:
            left_out[f"{region.code} after {origin}"] = why.problem
            continue
        known = baseline_inputs(place, origin, days)
        forecasts = {TWIN: own, **{name: BASELINES[name](known) for name in COMPARED}}
        forecasts |= {name: frame for name, frame in shared.items() if name in (NATIONAL, NATIONAL_NAIVE)}
        if region.category is not None and (PEOPLE, region.category) in shared:
            forecasts[PEOPLE] = shared[PEOPLE, region.category]
        found.append(RegionForecasts(country.code, region.code, region.name, origin, forecasts, region.observations))
    return CountryForecasts(tuple(found), left_out)


def baseline_inputs(place: Place, origin: date, horizon: pd.DatetimeIndex) -> BaselineInputs:
    """What a baseline may know of a place at an origin; days up to it that were not observed are missing."""
    days = pd.date_range(place.study.start, origin, freq="D")
    return BaselineInputs(
        observed=place.observations.reindex(days),
        horizon=horizon,
        stringency=place.published,
        indicators=place.timeline.levels()[list(place.study.indicator_codes)],
        cases=None if place.cases is None else place.cases.loc[: pd.Timestamp(origin)],
    )


def _known_by(nation: Place, region: Region, origin: date) -> Place:
    """The region as a place with the behaviours that were observed often enough by the origin; TooLittleObserved without
    any."""
    seen = region.observations.loc[: pd.Timestamp(origin)].notna().sum() >= FEWEST_OBSERVED
    kept = [str(name) for name in region.observations.columns[seen]]
    if not kept:
        raise TooLittleObserved(f"no behaviour was observed on {FEWEST_OBSERVED} days by then", where=region.code)
    behaviours = tuple(item for item in nation.study.behaviours if item.id in kept)
    study = replace(nation.study, id=region.code, title=region.name, place=region.name, behaviours=behaviours)
    return replace(nation, study=study, observations=region.observations[[item.id for item in behaviours]])


def _twin(
    place: Place, nation: Place, engine: ResponseEngine, personas: pd.DataFrame, origin: date, end: date
) -> pd.DataFrame:
    """The forecast of a place whose behaviours are some of the nation's; TooLittleObserved where they hardly were."""
    columns = [nation.study.behaviour_ids.index(name) for name in place.study.behaviour_ids]
    problem = build_problem(
        place.study, place.timeline, place.observations, place.cases, origin, end,
        fewest=FEWEST_TRAINING,
    )  # fmt: skip
    means = simulate(engine, personas, problem.contexts).everyone[:, columns]
    parameters = choose_calibrators(problem, means, forecast_defaults(place.study, origin))
    return twin_forecast(problem, problem.final, means, parameters).forecast


def _national(
    country: Country, engine: ResponseEngine, personas: pd.DataFrame, origin: date, end: date
) -> dict[object, pd.DataFrame]:
    """What the country's own observations say of every region, by forecaster, and by forecaster and category; nothing where
    the country was not observed. TooLittleObserved where it hardly was by the origin."""
    nation = country.nation
    if not country.observed:
        return {}
    twin = _twin(nation, nation, engine, personas, origin, end)
    days = pd.DatetimeIndex(twin.index)
    found: dict[object, pd.DataFrame] = {
        NATIONAL: twin,
        NATIONAL_NAIVE: BASELINES["seasonal_naive"](baseline_inputs(nation, origin, days)),
    }
    if country.attribute is not None:
        problem = build_problem(
            nation.study, nation.timeline, nation.observations, nation.cases, origin, end,
            fewest=FEWEST_TRAINING,
        )  # fmt: skip
        means = simulate(engine, personas, problem.contexts).everyone
        parameters = choose_calibrators(problem, means, forecast_defaults(problem.study, origin))
        fitted = fitted_from(
            problem.final_only(), nation.timeline, personas, (country.attribute,), engine, parameters, nation.cases, 0
        )
        path = simulate_timeline(fitted.twin, nation.timeline, days)
        found |= {(PEOPLE, category): path.group(name, category) for name, category in path.group_names}
    return found


def region_rows(found: Sequence[RegionForecasts], horizons: Sequence[int]) -> list[RegionScore]:
    """Scores by region, origin and horizon of one country's forecasts."""
    rows: list[RegionScore] = []
    for horizon in horizons:
        for origin in sorted({item.origin for item in found}):
            days = pd.date_range(origin + timedelta(days=1), periods=horizon, freq="D")
            scored = [(item, _errors(item, days)) for item in found if item.origin == origin]
            scored = [(item, errors) for item, errors in scored if len(errors.columns)]
            shared = shared_behaviours([tuple(errors.columns) for _, errors in scored])
            rows += [_row(item, errors, horizon, shared) for item, errors in scored]
    return rows


def unscored(found: Sequence[RegionForecasts], horizons: Sequence[int]) -> dict[str, str]:
    """The forecasts without a row, and why: a region, its origin and the horizon ("DE-BE after 2020-09-30, 90 days")."""
    return {
        f"{item.region} after {item.origin}, {horizon} days": why_not_counted(item.observations, days)
        for item in found
        for horizon in horizons
        for days in [pd.date_range(item.origin + timedelta(days=1), periods=horizon, freq="D")]
        if _errors(item, days).empty
    }


def shared_behaviours(counted: Sequence[Sequence[str]]) -> list[str]:
    """The behaviours that regions are compared by: those that all of them have.

    A mean over other behaviours would make a region look better for lacking a restless one. Where fewer than three are
    common to all (or fewer than any region has), regions with the fewest behaviours are not compared until three are.
    """
    kept = sorted((tuple(names) for names in counted if names), key=len, reverse=True)
    while kept:
        shared = [name for name in kept[0] if all(name in names for names in kept)]
        if len(shared) >= min(FEWEST_SHARED, len(kept[0])):
            return shared
        kept.pop()
    return []


def _errors(item: RegionForecasts, days: pd.DatetimeIndex) -> pd.DataFrame:
    """Errors, (forecasters × behaviours that count): those for which every forecaster has a forecast and a score."""
    names = counted_behaviours(item.observations, item.origin, days)
    truth = item.observations.reindex(days)
    table = {
        name: rmse(frame.reindex(index=days, columns=names), truth[names]) for name, frame in item.forecasts.items()
    }
    return pd.DataFrame(table).T.dropna(axis="columns").astype(float) if names else pd.DataFrame()


def _row(item: RegionForecasts, errors: pd.DataFrame, horizon: int, shared: Sequence[str]) -> RegionScore:
    names = [str(name) for name in errors.columns]
    known = item.observations.loc[: pd.Timestamp(item.origin)]
    return RegionScore(
        country=item.country,
        region=item.region,
        name=item.name,
        origin=str(item.origin),
        horizon=horizon,
        behaviours=tuple(names),
        observed=round(float(known.notna().to_numpy().mean()), 4),
        rmse={str(name): _plain(values) for name, values in errors.iterrows()},
        macro_rmse=_plain(errors.mean(axis=1)),
        shared=tuple(shared),
        shared_rmse=_plain(errors[list(shared)].mean(axis=1)) if shared and set(shared) <= set(names) else None,
    )


def _plain(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}


def latest_origin(country: Country, horizon: int, share: float = 0.85) -> date | None:
    """The last end of a month after which `share` of `horizon` days was observed in most regions; None without any."""
    ends = sorted(pd.Timestamp(region.observations.index.max()).date() for region in country.regions)
    if not ends:
        return None
    last = ends[len(ends) // 2] - timedelta(days=int(np.ceil(share * horizon)))
    origin = last.replace(day=1) - timedelta(days=1)
    return origin if (origin - country.nation.study.start).days + 1 >= FEWEST_TRAINING else None
