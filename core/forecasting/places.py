"""Many places at once: each country's observations, policy and calendar as a study of its own.

The people are those of one population file that stands in for every country (`data/populations/world.toml`), and the
engine is asked with its table as it is: nothing about a country is searched, only its lines are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

import pandas as pd

from core.calibration.pace import pace_of
from core.datasets.panels import PanelTables, panel_places, place_of_panel
from core.datasets.places import countries
from core.errors import InputError, one_of
from core.policy.calendar import calendar_for, calendar_spec_for_country, observed_calendar
from core.policy.timeline import PolicyTimeline
from core.study import Study, load_study

#: Every place is a study of this one's kind: its behaviours, indicators and metric.
PATTERN = "uae"
#: A behaviour with fewer observed days than this has no forecast.
FEWEST_OBSERVED = 60
HISTORY = timedelta(days=45)


@dataclass(frozen=True)
class Place:
    """A country as a study: `observations` (days × behaviours with enough data), `cases` per day or None, the observed
    `timeline`, and the `published` stringency index."""

    study: Study
    timeline: PolicyTimeline
    observations: pd.DataFrame
    cases: pd.Series | None
    published: pd.Series


def places_from_tables(
    mobility: pd.DataFrame,
    policy: pd.DataFrame,
    cases: pd.DataFrame | None,
    inhabitants: dict[str, int] | None = None,
    wanted: Sequence[str] | None = None,
) -> tuple[list[Place], dict[str, str]]:
    """The places that all tables have, by ISO-3 code, and why others are left out.

    Tables are those of `core.datasets` readers: `place`, `date` and their columns. Without `inhabitants` the epidemic
    level cannot be told and stays low. InputError for a wanted place that the mobility table lacks.
    """
    pattern = load_study(PATTERN)
    found = sorted(mobility["place"].astype(str).unique())
    for place in wanted or ():
        one_of(place, found, what="place", where="mobility table")
    by_place = {str(name): part.set_index("date") for name, part in policy.groupby("place", observed=True)}
    sick = (
        {}
        if cases is None
        else {str(name): part.set_index("date") for name, part in cases.groupby("place", observed=True)}
    )
    places, left_out = [], {}
    for name, part in mobility.groupby("place", observed=True):
        code = str(name)
        if wanted and code not in wanted:
            continue
        if code not in by_place:
            left_out[code] = "no policy data"
            continue
        try:
            people = (inhabitants or {}).get(code)
            reported = sick[code]["new_cases"] if code in sick and people else None
            places.append(_place(pattern, code, part.set_index("date"), by_place[code], reported, people or 1))
        except InputError as wrong:
            left_out[code] = str(wrong)
    return places, left_out


def _place(
    pattern: Study, code: str, mobility: pd.DataFrame, policy: pd.DataFrame, cases: pd.Series | None, people: int
) -> Place:
    country = countries().get(code)
    if country is None:
        raise InputError(f"'{code}' is no country", where="mobility table", allowed="ISO 3166-1 alpha-3 codes")
    columns = {item.column: item.id for item in pattern.behaviours}
    observed = mobility.rename(columns=columns)[list(columns.values())].asfreq("D").astype(float)
    kept = [name for name in observed.columns if observed[name].notna().sum() >= FEWEST_OBSERVED]
    if not kept:
        raise InputError("no behaviour has enough observed days", where=code, allowed=f"{FEWEST_OBSERVED} or more")
    start, end = observed.index.min().date(), policy.index.max().date()
    first = max(policy.index.min().date(), start - HISTORY)
    spec = calendar_spec_for_country(country.iso2, pattern.baseline_start, end)
    study = replace(
        pattern,
        id=code,
        code=code,
        title=country.name,
        latitude=country.latitude,
        place=country.name,
        start=start,
        end=end,
        train_end=start + (end - start) / 2,
        behaviours=tuple(item for item in pattern.behaviours if item.id in kept),
        calendar=spec,
        inhabitants=people,
    )
    needed = [column for item in study.indicators for column in (item.code, f"{item.code}_Flag") if column in policy]
    days = policy.loc[pd.Timestamp(first) :]
    calendar = calendar_for(spec, min(first, study.baseline_start), end)
    timeline = PolicyTimeline.from_levels(days[needed].astype(float), study, calendar)
    published = days[study.index] if study.index in days else timeline.stringency()
    return Place(
        study, timeline, observed[kept], None if cases is None else cases.astype(float), published.astype(float)
    )


def places_from_panel(
    study: Study, tables: PanelTables, wanted: Sequence[str] | None = None
) -> tuple[list[Place], dict[str, str]]:
    """The places of a panel that can be forecast at all, and why others are left out; a place is a study of its own name.

    InputError for a wanted place that the panel lacks.
    """
    every = panel_places(tables)
    for place in wanted or ():
        one_of(place, every, what="place", where=f"panel of {study.id}")
    places, left_out, fewest = [], {}, pace_of(study).fewest_observed
    for name in every if wanted is None else dict.fromkeys(wanted):
        try:
            own, observed = place_of_panel(study, tables, name)
            seen = observed.mobility.notna().sum()
            kept = [str(column) for column in seen.index[seen >= fewest]]
            if not kept:
                raise InputError(
                    "no behaviour has enough observed periods", where=name, allowed=f"{fewest} {study.step}s or more"
                )
            behaviours = tuple(item for item in study.behaviours if item.id in kept)
            sources = {kind: replace(item, place=name) for kind, item in own.sources.items()}
            own = replace(own, id=name, title=name, place=name, behaviours=behaviours, sources=sources)
            first, last = (pd.Timestamp(observed.policy.index[place]).date() for place in (0, -1))
            calendar = observed_calendar(own, first, last, observed.context)
            timeline = PolicyTimeline.from_levels(observed.policy, own, calendar)
            index = timeline.stringency()
            places.append(Place(own, timeline, observed.mobility[kept], None, index.astype(float)))
        except InputError as wrong:
            left_out[name] = str(wrong)
    return places, left_out


class Observed(Protocol):
    """What has `observations` (periods × behaviours)."""

    @property
    def observations(self) -> pd.DataFrame: ...


def last_observed(place: Observed) -> date:
    """The last period in which anything was observed."""
    return pd.Timestamp(place.observations.dropna(how="all").index.max()).date()
