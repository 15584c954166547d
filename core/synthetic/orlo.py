"""Orlo, a fictional basin of water districts whose truth is known: what any other cut, watering days or price would have done.

Homes of three kinds plan their watering by season and weather, water on the days allowed (and longer on each), answer to the
mean price of their last bills, strive for their district's cut with an effort that builds up and lingers, save for a while when
a cut is announced and in drought, and replace lawns for good while restrictions last. None of this is of the form of an engine
here: there are no probabilities and no log-odds. Every number is invented; `data/orlo/README.md` states the process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from core.synthetic.meridia_process import autoregressive, normals, uniforms

SEED = 2031
FIRST, LAST = date(2030, 1, 1), date(2039, 12, 1)
BASELINE_YEAR = 2030
MONTHS = pd.date_range(FIRST, LAST, freq="MS", unit="us", name="date")
BEHAVIOURS = ("outdoor", "indoor")
PLACES = (
    "Alder", "Brook", "Cedar", "Dale", "Elmford", "Fallow", "Glen", "Hazel", "Ivybridge", "Juniper", "Kelby", "Larch",
    "Marsh", "Northfield", "Oakley", "Pineridge", "Quarry", "Rowan", "Sedge", "Thornton",
)  # fmt: skip
#: Homes of each place, 410,000 in all.
HOMES = (
    31000, 12500, 22000, 18500, 27500, 9500, 14000, 25000, 16500, 33500,
    21000, 11500, 19500, 8500, 15500, 24000, 13000, 29500, 10500, 47000,
)  # fmt: skip
#: Kinds of home: garden, terrace, flat.
WATERINGS = np.array([5.2, 2.6, 0.6])  # that a home would like in a week of July
PRICE_OUTDOOR, PRICE_INDOOR = 0.34, 0.11  # elasticities
BILLS = 3  # months whose mean price is felt
LONGER = 0.35  # share of a watering that is given up, by which the others get longer
EFFORT_UP, EFFORT_DOWN = 0.34, 0.075  # share of the way to the effort asked for, a month
EFFORT_MOST, EFFORT_INDOOR = 0.52, 0.30
ANNOUNCED, FADES = 0.09, 0.72  # saved on an announcement, and what is left of that a month later
DROUGHT = np.array([0.0, 0.03, 0.08])
LAWNS, LAWNS_MOST = 0.0045, 0.16  # lawns replaced a month under restrictions, and at most
APPLIANCES = 0.0012  # indoor use that goes a month as things are replaced
#: (first, last month, days a week) in the whole basin, and when cuts were announced, began, were eased and ended.
WATERING_DAYS = (
    ("2033-05", "2034-05", 3),
    ("2034-06", "2036-09", 2),
    ("2036-10", "2037-12", 4),
    ("2038-06", "2039-12", 2),
)
CUTS = (("2034-04", "2034-06", "2035-11", "2036-06"), ("2038-04", "2038-06", "2039-04", "2039-11"))
DROUGHTS = (("2033-03", "2034-02", 1), ("2034-03", "2036-01", 2), ("2036-02", "2036-09", 1), ("2038-02", "2039-10", 2))


@dataclass(frozen=True)
class Places:
    """Per place: shares of kinds of home (places × 3), how far they follow a cut, how dry its summers are, the tier of its cut in
    percent, from how much it used, and when and to what its price rose."""

    homes: np.ndarray
    follows: np.ndarray
    dryness: np.ndarray
    tier: np.ndarray
    price_from: np.ndarray
    price: np.ndarray


@dataclass(frozen=True)
class OrloWorld:
    """What is published, by place and month: `behaviour` (percent change from the same month of the baseline year) and `policy`
    (`S` mandated cut in percent, `W` watering days a week, `P` price as a multiple of that of the baseline year), and
    `context` (`drought` class, `announced` 0/1); `expected` is the behaviour without noise. All with `place` and `date`."""

    seed: int
    behaviour: pd.DataFrame
    policy: pd.DataFrame
    context: pd.DataFrame
    expected: pd.DataFrame


def generate(seed: int = SEED) -> OrloWorld:
    """The basin under this seed; the same on every platform. `SEED` gives what ships in `data/orlo`."""
    traits, common, own = np.random.SeedSequence(seed).spawn(3)
    places = _places(traits)
    paths = [_policy(places, number) for number in range(len(PLACES))]
    shared = autoregressive(normals(common, (len(MONTHS), 2)), 0.45)
    noise = autoregressive(normals(own, (len(MONTHS), 2 * len(PLACES))), 0.3)
    behaviour, expected = [], []
    for number, name in enumerate(PLACES):
        without = _expected(places, number, paths[number])
        size = np.array([0.055, 0.015])
        factor = np.exp(size * (0.75 * shared + 0.65 * noise[:, 2 * number : 2 * number + 2]))
        noisy = (100.0 + without) * factor - 100.0
        behaviour.append(_table(name, pd.DataFrame(noisy, MONTHS, list(BEHAVIOURS))))
        expected.append(_table(name, pd.DataFrame(without, MONTHS, list(BEHAVIOURS))))
    around = _context()
    return OrloWorld(
        seed,
        pd.concat(behaviour, ignore_index=True),
        pd.concat([_table(name, path) for name, path in zip(PLACES, paths, strict=True)], ignore_index=True),
        pd.concat([_table(name, around) for name in PLACES], ignore_index=True),
        pd.concat(expected, ignore_index=True),
    )


def expected_under(policy: pd.DataFrame, place: str, seed: int = SEED) -> pd.DataFrame:
    """The metric of a place without noise under another path of its policy (months × `S`, `W`, `P`; columns `outdoor` and
    `indoor`, % change). Before its first month nothing is in force, after its last the last stays; drought and what was announced
    are as they were."""
    places = _places(np.random.SeedSequence(seed).spawn(3)[0])
    nothing = {"S": 0.0, "W": 7.0, "P": 1.0}
    path = policy[list(nothing)].reindex(MONTHS, method="ffill").fillna(nothing)
    return pd.DataFrame(_expected(places, PLACES.index(place), path), MONTHS, list(BEHAVIOURS))


def write(folder: str | Path, seed: int = SEED) -> None:
    """Write `behaviour.csv`, `policy.csv` and `context.csv` as panel tables, and `places.csv`."""
    world, folder = generate(seed), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("behaviour", "policy", "context"):
        table = getattr(world, name).copy()
        table["date"] = table["date"].dt.strftime("%Y-%m")
        table.round(1 if name == "behaviour" else 2).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    homes = pd.DataFrame({"place": PLACES, "homes": HOMES})
    homes.to_csv(folder / "places.csv", index=False, lineterminator="\n")


def _places(source: np.random.SeedSequence) -> Places:
    drawn = uniforms(source, (len(PLACES), 5))
    garden = 0.25 + 0.5 * drawn[:, 0]
    flat = (1.0 - garden) * (0.25 + 0.5 * drawn[:, 1])
    homes = np.column_stack([garden, 1.0 - garden - flat, flat])
    dryness = 0.7 + 0.6 * drawn[:, 2]
    use = (homes @ WATERINGS) * dryness
    tier = np.array([8.0, 16.0, 24.0, 32.0])[np.searchsorted(np.quantile(use, [0.25, 0.5, 0.75]), use)]
    begins = 24 + np.floor(72 * drawn[:, 4]).astype(int)
    return Places(homes, 0.55 + 0.4 * drawn[:, 3], dryness, tier, begins, np.round(1.15 + 0.5 * drawn[:, 1], 2))


def _policy(places: Places, number: int) -> pd.DataFrame:
    frame = pd.DataFrame({"S": 0.0, "W": 7.0, "P": 1.0}, MONTHS)
    for first, last, days in WATERING_DAYS:
        frame.loc[first:last, "W"] = days
    for _, begun, eased, ended in CUTS:
        frame.loc[begun:ended, "S"] = places.tier[number]
        frame.loc[eased:ended, "S"] = np.round(0.5 * places.tier[number])
        frame.loc[ended, "S"] = 0.0
    frame.iloc[places.price_from[number] :, 2] = places.price[number]
    return frame


def _context() -> pd.DataFrame:
    frame = pd.DataFrame({"drought": 0, "announced": 0}, MONTHS)
    for first, last, level in DROUGHTS:
        frame.loc[first:last, "drought"] = level
    for told, _, eased, _ in CUTS:
        frame.loc[told:eased, "announced"] = 1
    return frame


def _expected(places: Places, number: int, policy: pd.DataFrame) -> np.ndarray:
    """The metric of one place without noise, (months, behaviours)."""
    use = _use(places, number, policy, _context())
    nothing = pd.DataFrame({"S": 0.0, "W": 7.0, "P": 1.0}, MONTHS)
    plain = _use(places, number, nothing, pd.DataFrame({"drought": 0, "announced": 0}, MONTHS))
    baseline = plain[MONTHS.year == BASELINE_YEAR]
    return np.asarray(100.0 * (use / baseline[MONTHS.month - 1] - 1.0))


def _use(places: Places, number: int, policy: pd.DataFrame, around: pd.DataFrame) -> np.ndarray:
    """Water used, (months, outdoor and indoor), in homes' own units."""
    season = 0.12 + 0.88 * np.clip(np.sin(np.pi * (MONTHS.month.to_numpy() - 2.0) / 10.0), 0.0, None) ** 1.5
    price = policy["P"].rolling(BILLS, min_periods=1).mean().to_numpy()
    told = np.flatnonzero(np.diff(around["announced"].to_numpy(), prepend=0) == 1)
    effort = attention = lawns = 0.0
    found = np.empty((len(MONTHS), 2))
    for month in range(len(MONTHS)):
        cut, days = float(policy["S"].iloc[month]), float(policy["W"].iloc[month])
        asked = places.follows[number] * (1.0 - np.exp(-cut / 14.0))
        effort += (asked - effort) * (EFFORT_UP if asked > effort else EFFORT_DOWN)
        attention = ANNOUNCED if month in told else attention * FADES
        lawns = min(lawns + (LAWNS if cut > 0 or days < 4 else 0.0), LAWNS_MOST)
        wanted = WATERINGS * season[month] * places.dryness[number]
        done = np.minimum(wanted, days)
        watered = float(places.homes[number] @ (done + LONGER * (wanted - done) * (days > 0)))
        spared = (1.0 - attention) * (1.0 - DROUGHT[int(around["drought"].iloc[month])])
        outdoor = watered * (1.0 - EFFORT_MOST * effort) * (1.0 - lawns) * spared * price[month] ** -PRICE_OUTDOOR
        indoor = (1.0 - EFFORT_INDOOR * EFFORT_MOST * effort) * spared**0.4 * price[month] ** -PRICE_INDOOR
        found[month] = outdoor, indoor * (1.0 - APPLIANCES) ** month
    return found


def _table(place: str, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.reset_index(names="date")
    rows.insert(0, "place", place)
    return rows
