"""Arms against each other: in the same worlds of chance, so that what is left of a difference is what the edit does.

A contrast is the mean over worlds of paired differences, with a t interval of R - 1 degrees of freedom and the share of worlds
whose difference has the sign of that mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from core.society.scenario import STRESSES, Scenario, of_arm
from core.statistics.spread import t_half_width

BASE = "base"
LEVEL = 0.95
#: What is counted at places: the column of `days` it is the sum of, a day.
AT_PLACES = {"sales": "sales_cents", "visits": "served", "turned_away": "turned_away", "posts_about": "posts"}
#: What is measured of households: the column of `groups` it is the mean of, of a household and day.
OF_HOUSEHOLDS = {
    "spending_out": "out", "spending_home": "home", "spending_other": "other", "trips": "trips", "km": "km", "cash": "cash",
    "posts": "posted", **{f"stress_{name}": f"stress_{name}" for name in STRESSES},
}  # fmt: skip
#: Kilometres of the trips that somebody chose, without the way to work, by their number.
A_TRIP = "km_a_trip"
QUANTITIES = (*AT_PLACES, *OF_HOUSEHOLDS, A_TRIP)
#: Those that hold money, in cents.
MONEY = ("sales", "spending_out", "spending_home", "spending_other", "cash")


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """An arm minus another: `mean` over R worlds, with its 95% interval (None for one world); `reference` is the mean of the
    other. `group` is `all`, `kind` or `place` (of places), `income_quartile` or `district` (of households)."""

    arm: str
    against: str
    quantity: str
    group: str
    level: str
    reference: float
    mean: float
    low: float | None
    high: float | None
    seeds: int
    same_sign: float

    @property
    def sign(self) -> int:
        """1 or -1 where the interval is on one side of nothing, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)

    @property
    def relative(self) -> float | None:
        """The mean as a share of the reference; None where that is nothing."""
        return self.mean / self.reference if self.reference else None


def first_day(scenario: Scenario, *arms: str) -> int:
    """The first day, from 0, on which one of the arms may differ from the scenario as it stands."""
    before = {*scenario.levers, *scenario.shocks}
    starts: list[date] = []
    for arm in arms:
        edited = of_arm(scenario, arm, scenario.id)
        plain = {"levers", "shocks", "arms"}
        if edited.model_dump(exclude=plain) != scenario.model_dump(exclude=plain):
            return 0
        starts += [lever.start for lever in before ^ {*edited.levers, *edited.shocks}]
    return (min(starts) - scenario.start).days if starts else 0


def quantities(days: pd.DataFrame, groups: pd.DataFrame, scenario: Scenario, since: int = 0) -> pd.DataFrame:
    """What is compared, from the frames of a `SocietyRun`, over the days from `since`: rows (group, level, quantity), columns
    seeds. Of places a day's sum, of households the mean of a household and day."""
    days, groups = days[days["day"] >= since], groups[groups["day"] >= since]
    kinds = {place.id: place.kind for place in scenario.places}
    length = days["day"].nunique()
    counted = days.rename(columns={column: name for name, column in AT_PLACES.items()})
    parts = []
    for group, level in (("all", "all"), ("kind", days["place"].map(kinds)), ("place", days["place"])):
        found = counted.assign(group=group, level=level).groupby(["seed", "group", "level"])[list(AT_PLACES)].sum()
        parts.append(found / length)
    columns = [*OF_HOUSEHOLDS.values(), "trip_km"]
    weighted = groups[columns].mul(groups["households"], axis=0).assign(
        seed=groups["seed"], group=groups["group"], level=groups["level"], households=groups["households"]
    )  # fmt: skip
    everybody = weighted[weighted["group"] == "income_quartile"].assign(group="all", level="all")
    for part in (everybody, weighted):
        summed = part.groupby(["seed", "group", "level"])[[*columns, "households"]].sum()
        means = summed[columns].div(summed["households"], axis=0).set_axis([*OF_HOUSEHOLDS, A_TRIP], axis=1)
        parts.append(means.assign(**{A_TRIP: summed["trip_km"] / summed["trips"]}))
    long = pd.concat([part.rename_axis(columns="quantity").stack() for part in parts])  # noqa: PD013 (melt is slower)
    # Where nobody made a trip, none has a length.
    return pd.DataFrame(long.unstack("seed")).dropna()  # noqa: PD010


def contrasts(arm: str, of_arm: pd.DataFrame, against: str, other: pd.DataFrame) -> tuple[Contrast, ...]:
    """Each quantity of one arm minus the other, in the worlds that both have (`quantities` of each)."""
    seeds = [seed for seed in other.columns if seed in of_arm.columns]
    rows = other.index.intersection(of_arm.index, sort=False)
    before = other.loc[rows, seeds].to_numpy(float)
    mean, low, high, same = paired(of_arm.loc[rows, seeds].to_numpy(float) - before)
    return tuple(
        Contrast(
            arm=arm, against=against, quantity=quantity, group=group, level=str(level), reference=float(before[at].mean()),
            mean=float(mean[at]), low=_known(low[at]), high=_known(high[at]), seeds=len(seeds), same_sign=float(same[at]),
        )
        for at, (group, level, quantity) in enumerate(rows)
    )  # fmt: skip


def paired(differences: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean, ends of the t interval (R - 1 degrees of freedom; NaN for R = 1) and share of the sign of the mean, along the last
    axis of R worlds."""
    mean = differences.mean(axis=-1)
    same = (np.sign(differences) == np.sign(mean)[..., None]).mean(axis=-1)
    half = t_half_width(differences, level)
    return mean, mean - half, mean + half, same


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
