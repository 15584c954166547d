"""Errors by region at a glance: by country the mean, the best and the worst region, and what of it is the twin's.

A region's error differs from another's for two reasons: the twin serves it worse, or it is harder to forecast (small
regions are noisy). The same figures for a baseline on the same days tell them apart: a parity difference no larger than
the baseline's is the region's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.validity.parity import parity
from core.validity.regions import FORECASTERS, TWIN, RegionScore

#: What a region's error is held against to tell what is the region's own.
RIVAL = "seasonal_naive"
#: Fewer regions than this have no rank correlation worth a figure.
FEWEST_RANKED = 4


@dataclass(frozen=True, kw_only=True)
class RegionParity:
    """The best and the worst served region, and how far their errors lie apart."""

    best: str
    best_error: float
    worst: str
    worst_error: float
    difference: float


@dataclass(frozen=True, kw_only=True)
class CountryRegions:
    """A country's regions at one horizon, by forecaster.

    agreement: rank correlation over regions of the twin's error with the baseline's. wins: share of regions that the twin
    forecasts better than each other forecaster. incomplete: names of regions that are not compared.
    """

    regions: int
    mean: Mapping[str, float]
    parity: Mapping[str, RegionParity | None]
    agreement: float | None
    wins: Mapping[str, float]
    origins: tuple[str, ...]
    incomplete: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HorizonRegions:
    """All countries at one horizon: means over them of mean error and parity difference, and rank correlations within
    countries of the twin's error with the baseline's (agreement) and with the share of observed cells (association), over
    `ranked` regions."""

    countries: int
    regions: int
    mean: Mapping[str, float]
    parity: Mapping[str, float]
    agreement: float | None
    association: float | None
    ranked: int


@dataclass(frozen=True, kw_only=True)
class RegionSummary:
    """By country and horizon (as text), and all countries by horizon; see the module's text."""

    by_country: Mapping[str, Mapping[str, CountryRegions]]
    by_horizon: Mapping[str, HorizonRegions]
    rival: str = RIVAL


def region_table(rows: Sequence[RegionScore], country: str, horizon: int) -> tuple[pd.DataFrame, list[str]]:
    """Regions × forecasters: the error over the behaviours that the country's regions share, averaged over origins.

    Only regions compared at every origin of their country count, since origins differ in difficulty; the names of the
    others come second. Index: region code; further columns `name` and `observed` (share of cells).
    """
    here = [item for item in rows if item.country == country and item.horizon == horizon]
    origins = {item.origin for item in here if item.shared_rmse}
    found: dict[str, dict[str, object]] = {}
    incomplete: list[str] = []
    for code in dict.fromkeys(item.region for item in here):
        own = [item for item in here if item.region == code and item.shared_rmse]
        if not own or len(own) < len(origins):
            incomplete.append(next(item.name for item in here if item.region == code))
            continue
        scores = pd.DataFrame([item.shared_rmse for item in own]).mean(skipna=False)
        found[code] = {
            "name": own[0].name,
            "observed": float(np.mean([item.observed for item in own])),
            **{str(name): float(value) for name, value in scores.dropna().items()},
        }
    table = pd.DataFrame.from_dict(found, orient="index")
    # A forecaster that knows some regions only cannot be compared with one that knows all.
    return table.dropna(axis="columns"), incomplete


def region_summary(rows: Sequence[RegionScore]) -> RegionSummary:
    """Scores of regions at a glance."""
    countries = list(dict.fromkeys(item.country for item in rows))
    by_country: dict[str, dict[str, CountryRegions]] = {country: {} for country in countries}
    by_horizon: dict[str, HorizonRegions] = {}
    for horizon in sorted({item.horizon for item in rows}):
        tables = {}
        for country in countries:
            table, incomplete = region_table(rows, country, horizon)
            if table.empty:
                continue
            tables[country] = table
            origins = {item.origin for item in rows if item.country == country and item.horizon == horizon}
            by_country[country][str(horizon)] = _of_country(table, tuple(sorted(origins)), tuple(incomplete))
        if tables:
            by_horizon[str(horizon)] = _of_all(tables, [by_country[name][str(horizon)] for name in tables])
    return RegionSummary(by_country=by_country, by_horizon=by_horizon)


def _of_country(table: pd.DataFrame, origins: tuple[str, ...], incomplete: tuple[str, ...]) -> CountryRegions:
    names = [name for name in FORECASTERS if name in table]
    spread: dict[str, RegionParity | None] = {}
    for name in names:
        found = parity(dict(zip(table["name"].astype(str), table[name].astype(float), strict=True)))
        spread[name] = None if found is None else RegionParity(
            best=found.best,
            best_error=round(found.best_error, 4),
            worst=found.worst,
            worst_error=round(found.worst_error, 4),
            difference=round(found.difference, 4),
        )  # fmt: skip
    others = [name for name in names if name != TWIN]
    return CountryRegions(
        regions=len(table),
        mean={name: round(float(table[name].mean()), 4) for name in names},
        parity=spread,
        agreement=rank_correlation(table[TWIN], table[RIVAL]),
        wins={name: round(float((table[TWIN] < table[name])[table[name].notna()].mean()), 4) for name in others},
        origins=origins,
        incomplete=incomplete,
    )


def _of_all(tables: Mapping[str, pd.DataFrame], parts: Sequence[CountryRegions]) -> HorizonRegions:
    """All countries of a horizon; ranks are taken within countries, so that a restless country counts as no region."""
    names = [name for name in FORECASTERS if all(name in part.mean for part in parts)]
    ranked = [
        table[[TWIN, RIVAL, "observed"]].rank(pct=True) for table in tables.values() if len(table) >= FEWEST_RANKED
    ]
    pooled = pd.concat([part - part.mean() for part in ranked]) if ranked else pd.DataFrame()
    apart = {
        name: [found.difference for part in parts if part.parity[TWIN] and (found := part.parity[name])]
        for name in names
    }
    return HorizonRegions(
        countries=len(tables),
        regions=sum(len(table) for table in tables.values()),
        mean={name: round(float(np.mean([part.mean[name] for part in parts])), 4) for name in names},
        parity={name: round(float(np.mean(values)), 4) for name, values in apart.items() if values},
        agreement=rank_correlation(pooled[TWIN], pooled[RIVAL]) if ranked else None,
        association=rank_correlation(pooled[TWIN], pooled["observed"]) if ranked else None,
        ranked=len(pooled),
    )


def rank_correlation(first: pd.Series, second: pd.Series) -> float | None:
    """Spearman's rank correlation, in [-1, 1]; None for fewer than four pairs and where either does not vary."""
    both = pd.DataFrame({"first": first, "second": second}).dropna().rank()
    if len(both) < FEWEST_RANKED or both["first"].nunique() < 2 or both["second"].nunique() < 2:
        return None
    return round(float(np.corrcoef(both["first"], both["second"])[0, 1]), 4)
