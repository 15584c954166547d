"""A few countries as places of a backtest."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd
from behaviour_cases import spec

from core.forecasting.places import Place, places_from_tables
from core.people.personas import synthesise
from core.study import load_study
from core.synthetic.meridia import generate


@lru_cache(maxsize=1)
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Meridia's two years as those of two countries, ten years earlier, in the layout of the real tables."""
    world, study = generate(), load_study("meridia")
    shift = pd.Timedelta(weeks=-522)  # ten years, and the weekdays stay
    columns = {item.id: item.column for item in study.behaviours}
    mobility = world.mobility.rename(columns=columns).loc[: pd.Timestamp("2031-06-30")]
    parts = []
    for place in ("DEU", "ARE"):
        parts.append(mobility.assign(place=place, date=mobility.index + shift))
    moved = pd.concat(parts, ignore_index=True)
    policy = world.policy.assign(date=world.policy.index + shift)
    policy = pd.concat([policy.assign(place=place) for place in ("DEU", "ARE")], ignore_index=True)
    cases = pd.DataFrame({"date": world.cases.index + shift, "new_cases": world.cases.to_numpy(float)})
    cases = pd.concat([cases.assign(place=place) for place in ("DEU", "ARE")], ignore_index=True)
    return moved, policy, cases


@lru_cache(maxsize=1)
def places() -> dict[str, Place]:
    found, left_out = places_from_tables(*tables(), {"DEU": 4_200_000, "ARE": 4_200_000})
    assert left_out == {}
    return {item.study.id: item for item in found}


@lru_cache(maxsize=1)
def people() -> pd.DataFrame:
    return synthesise(spec("world"), 60, 0).personas
