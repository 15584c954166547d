"""A panel of made-up districts, a row a month, as a user would write it: levers and slopes are known."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import tomli_w
from own_levers import own_months

#: By how much a point of the cut moves outdoor watering, and what a month adds to it in every district.
SLOPE, DRIFT = -0.8, -0.1
PLACES = tuple(f"P{number}" for number in range(6))


def own_panel(folder: Path, *, places: int = len(PLACES), noise: float = 1.0) -> Path:
    """Writes the study, its tables of districts P0, P1, … and gives the study's path. Each district has its own cut."""
    own_months(folder, "month")
    path = folder / "district.toml"
    study = tomllib.loads(path.read_text())
    for kind in ("mobility", "policy"):
        study["sources"][kind] = {"file": f"{kind}.csv", "layout": "panel_table", "place": "P0"}
    path.write_text(tomli_w.dumps(study))
    observed, policy = (pd.read_csv(folder / f"{kind}.csv") for kind in ("mobility", "policy"))
    months, generator = np.arange(len(observed)), np.random.default_rng(0)
    parts: dict[str, list[pd.DataFrame]] = {"mobility": [], "policy": []}
    for number in range(places):
        cut = (np.roll(policy["S"], 3 * number) * (0.6 + 0.2 * (number % 4))).round(1)
        about = {"place": f"P{number}", "date": observed["date"].str[:7]}
        season = 3 * np.sin(2 * np.pi * months / 12)
        watering = SLOPE * cut + season + DRIFT * months + generator.normal(0, noise, len(months)) + 3 * number
        saving = 20 + 0.5 * cut + generator.normal(0, noise, len(months))
        parts["mobility"].append(
            pd.DataFrame({**about, "watering": watering.round(2), "saving": saving.round(2), "note": "not read"})
        )
        parts["policy"].append(pd.DataFrame({**about, "S": cut, "I": policy["I"]}))
    for kind, tables in parts.items():
        pd.concat(tables).to_csv(folder / f"{kind}.csv", index=False)
    return path


def own_years(folder: Path, *, places: int = 4, first: int = 1985, years: int = 12) -> Path:
    """The same districts with a row a year and little past: in P0 there is no cut before 1990, in the others one is eased or
    tightened every few years; outdoor watering is a share of people, which falls by a point a year for other reasons."""
    own_months(folder, "year")
    path = folder / "district.toml"
    study = tomllib.loads(path.read_text())
    for kind in ("mobility", "policy"):
        study["sources"][kind] = {"file": f"{kind}.csv", "layout": "panel_table", "place": "P0"}
    start, end, middle = (study["start"].replace(year=first + gap) for gap in (0, years - 1, years // 2))
    study |= {"start": start, "end": end, "train_end": middle}
    study["measurement"] |= {"baseline_start": start, "baseline_end": start.replace(month=12, day=31)}
    path.write_text(tomli_w.dumps(study))
    generator, when = np.random.default_rng(1), np.arange(years)
    parts: dict[str, list[pd.DataFrame]] = {"mobility": [], "policy": []}
    for number in range(places):
        cut = np.where(first + when >= 1990, 20.0, 0.0) if number == 0 else 10.0 * ((when + number) // 3 % 3)
        about = {"place": f"P{number}", "date": first + when}
        noise = generator.normal(0, 0.5, (2, years))
        watering, saving = 62 - 0.5 * cut - when + noise[0], 20 + 0.4 * cut + noise[1]
        parts["mobility"].append(pd.DataFrame({**about, "watering": watering.round(2), "saving": saving.round(2)}))
        parts["policy"].append(pd.DataFrame({**about, "S": cut, "I": 0}))
    for kind, tables in parts.items():
        pd.concat(tables).to_csv(folder / f"{kind}.csv", index=False)
    return path
