"""Where the twin helps and where a simple forecast is as good: tables from finished runs and backtests.

Nothing here forecasts. A skill is 1 − (the twin's mean error) / (the rival's mean error), the rival being the single
forecaster with the least mean error on those rows: chosen after the fact, which is to the twin's disadvantage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from core.datasets.places import countries
from core.errors import InputError, one_of
from core.forecasting.backtest_scores import CHANGE_CLASSES, TWIN, BacktestRow
from core.forecasting.metrics import MACRO
from core.forecasting.teachers import is_held_out
from core.services.evaluation.backtest_tables import SCORES, intervals_of
from core.services.evaluation.results import BacktestResult
from core.services.runs.forecasters import BASELINE, family, label
from core.services.runs.results import METRICS, RunResult
from core.statistics.bootstrap import MANY_DRAWS, unit_counts
from core.statistics.levels import VERDICT, central
from core.study import Step
from core.validity.paired import BETTER, UNSURE, WORSE

ALIKE = "about as good"
#: A mean error within this share of the rival's is no difference that a user would notice.
ALIKE_WITHIN = 0.05
ALL = "all"
PERSISTENCE = ("last_value", "last_7_days", "seasonal_naive")
#: What the twin can be compared with, and which forecasters that admits.
AGAINST: dict[str, str] = {
    "best": "The best single baseline",
    "persistence": "Persistence",
    "gradient_boosting": "Gradient boosting",
}
CHANGE_WORDS: dict[str, str] = {
    ALL: "All rows",
    "<5": "Policy hardly moved (under 5 points)",
    "5-15": "Policy moved some (5 to 15 points)",
    ">=15": "Policy moved a lot (15 points or more)",
}
#: An achieved coverage this near to the nominal one counts as right.
RIGHT_WITHIN = 0.05


@dataclass(frozen=True)
class SkillComparison:
    """The twin against one rival on some rows: mean macro RMSE of both, the skill with its 90% interval over countries,
    and the share of rows on which the twin missed by less."""

    rows: int
    countries: int
    twin: float
    rival: str
    rival_score: float
    skill: float
    low: float
    high: float
    wins: float

    @property
    def verdict(self) -> str:
        """About as good within 5%; beyond that better or worse, unless the interval has zero in it: then not certain."""
        if abs(self.skill) < ALIKE_WITHIN:
            return ALIKE
        if self.low <= 0 <= self.high:
            return UNSURE
        return BETTER if self.skill > 0 else WORSE


def row_frame(result: BacktestResult) -> pd.DataFrame:
    """A row per country, origin and horizon: country, name, origin, horizon, stringency_change, change (its class),
    kept_out, and a column per forecaster with its macro RMSE. InputError where there is none."""
    rows = result.rows
    if not rows:
        raise InputError("has no rows", where="backtest")
    known = countries()
    head = pd.DataFrame(
        {
            "country": [row.country for row in rows],
            "name": [known[row.country].name if row.country in known else row.country for row in rows],
            "origin": pd.to_datetime([row.origin for row in rows]),
            "horizon": [row.horizon for row in rows],
            "stringency_change": [row.stringency_change for row in rows],
            "change": "",
            "kept_out": [is_held_out(row.country) for row in rows],
        }
    )
    for name, (low, high) in CHANGE_CLASSES.items():
        head.loc[(head["stringency_change"] >= low) & (head["stringency_change"] < high), "change"] = name
    return pd.concat([head, pd.DataFrame([row.macro_rmse for row in rows], dtype=float)], axis=1)


def rivals_of(rivals: Sequence[str], against: str) -> list[str]:
    """The forecasters that a choice of `AGAINST` admits. InputError for another choice, and where none is there."""
    one_of(against, AGAINST, what="comparison")
    chosen = [
        name
        for name in rivals
        if against == "best" or name == against or (against == "persistence" and name in PERSISTENCE)
    ]
    if not chosen:
        raise InputError(f"{AGAINST[against]} was not measured", where="backtest", allowed=", ".join(rivals))
    return chosen


def skill_comparison(part: pd.DataFrame, rivals: Sequence[str]) -> SkillComparison:
    """The twin against the best single one of `rivals` on these rows of `row_frame`."""
    means = part[list(rivals)].mean()
    best = str(means.idxmin())
    both = part[[TWIN, best]].dropna()
    sums = both.groupby(part.loc[both.index, "country"]).sum()
    twin, rival = sums[TWIN].to_numpy(float), sums[best].to_numpy(float)
    # A country's rows share its data, so that countries and not rows are drawn.
    drawn = unit_counts(len(sums), MANY_DRAWS, seed=len(sums))
    low, high = central(1 - (drawn @ twin) / (drawn @ rival), VERDICT)
    return SkillComparison(
        rows=len(both),
        countries=len(sums),
        twin=float(both[TWIN].mean()),
        rival=best,
        rival_score=float(both[best].mean()),
        skill=float(1 - both[TWIN].mean() / both[best].mean()),
        low=float(low),
        high=float(high),
        wins=float((both[TWIN] < both[best]).mean()),
    )


def skill_comparisons(frame: pd.DataFrame, rivals: Sequence[str]) -> dict[tuple[str, int], SkillComparison]:
    """By class of policy change (and "all") and horizon; a cell without rows is absent."""
    found = {}
    for change in CHANGE_WORDS:
        for horizon, part in frame.groupby("horizon"):
            chosen = part if change == ALL else part[part["change"] == change]
            if len(chosen):
                found[change, int(str(horizon))] = skill_comparison(chosen, rivals)
    return found


def skill_table(cells: Mapping[tuple[str, int], SkillComparison]) -> pd.DataFrame:
    """All as one table: change, horizon, rows, countries, twin, rival, rival_score, skill, low, high, wins, verdict."""
    rows = [
        {"change": change, "horizon": horizon, **vars(cell), "verdict": cell.verdict}
        for (change, horizon), cell in cells.items()
    ]
    return pd.DataFrame(rows)


def forecaster_table(frame: pd.DataFrame, rivals: Sequence[str], horizon: int) -> pd.DataFrame:
    """Every forecaster at a horizon over all rows, best first: forecaster, words, mean and median macro RMSE, the twin's
    skill against it, and the share of rows that the twin wins."""
    part = frame.loc[frame["horizon"] == horizon, [TWIN, *rivals]]
    # A row without one of the two says nothing of how they compare.
    theirs = part[part[TWIN].notna()]
    ours = theirs.apply(lambda column: theirs[TWIN].where(column.notna()))
    table = pd.DataFrame(
        {
            "words": [label(name) for name in part.columns],
            "mean": part.mean(),
            "median": part.median(),
            "skill": (1 - ours.mean() / theirs.mean()).where(part.columns != TWIN),
            "wins": ((ours < theirs).sum() / theirs.notna().sum()).where(part.columns != TWIN),
        }
    )
    return table.rename_axis("forecaster").reset_index().sort_values("mean", kind="stable", ignore_index=True)


def country_table(frame: pd.DataFrame, rivals: Sequence[str], horizon: int | None) -> pd.DataFrame:
    """A row per country, the greatest skill first: country, name, kept_out, rows, stringency_change (mean), twin, rival
    (that of all countries, so that they compare), rival_score, skill, wins.

    `horizon` None takes all horizons together.
    """
    part = frame if horizon is None else frame[frame["horizon"] == horizon]
    best = str(part[list(rivals)].mean().idxmin())
    both = part.dropna(subset=[TWIN, best]).assign(wins=lambda rows: rows[TWIN] < rows[best])
    table = both.groupby("country").agg(
        name=("name", "first"), kept_out=("kept_out", "first"), rows=(TWIN, "size"), twin=(TWIN, "mean"),
        rival_score=(best, "mean"), wins=("wins", "mean"),
    )  # fmt: skip
    change = part.groupby("country")["stringency_change"].mean()
    table = table.assign(stringency_change=change, rival=best, skill=1 - table["twin"] / table["rival_score"])
    return table.sort_values("skill", ascending=False, kind="stable").reset_index()


def rows_of_country(frame: pd.DataFrame, rivals: Sequence[str], country: str) -> pd.DataFrame:
    """The rows of one country with the best single rival of each horizon over all countries: origin, horizon,
    stringency_change, twin, rival, rival_score, skill. InputError for a country that is not there."""
    one_of(country, sorted(frame["country"].unique()), what="country", where="backtest")
    best = frame.groupby("horizon")[list(rivals)].mean().idxmin(axis=1)
    own = frame[frame["country"] == country].sort_values(["origin", "horizon"], ignore_index=True)
    own = own.assign(rival=own["horizon"].map(best))
    scores = [float(row[row["rival"]]) for _, row in own.iterrows()]
    table = own[["origin", "horizon", "stringency_change", TWIN, "rival"]].assign(rival_score=scores)
    return table.assign(skill=1 - table[TWIN] / table["rival_score"])


def interval_table(rows: Sequence[BacktestRow]) -> pd.DataFrame:
    """Means over rows: horizon, forecaster, level (nominal, %), coverage (share of days inside), width and score (both in
    points; a lower score is better), rows. Empty where no intervals were measured."""
    head = ["horizon", "forecaster", "level"]
    found = [
        {"horizon": row.horizon, "forecaster": name, "level": int(level), **vars(item)}
        for row in rows
        for name, level, item in intervals_of(row)
    ]
    grouped = pd.DataFrame(found, columns=[*head, *SCORES]).groupby(head)
    return grouped[list(SCORES)].mean().assign(rows=grouped.size()).reset_index()


def run_table(result: RunResult, metric: str, step: Step = Step.DAY) -> pd.DataFrame:
    """The leaderboard of a run, best first: forecaster, words, kind, a column per behaviour, macro, and skill against
    the best baseline's macro error (that baseline has 0)."""
    one_of(metric, METRICS, what="error measure")
    matrix = result.score_matrix(metric)
    kinds = pd.Series([family(str(name)) for name in matrix.index], matrix.index)
    best = matrix.loc[kinds == BASELINE, MACRO].min()
    table = matrix.assign(skill=1 - matrix[MACRO] / best)
    table.insert(0, "words", [label(str(name), step) for name in matrix.index])
    table.insert(1, "kind", kinds)
    return table.rename_axis("forecaster").reset_index()


def behaviour_comparisons(table: pd.DataFrame, behaviours: Mapping[str, str]) -> pd.DataFrame:
    """The twin against the best baseline of each behaviour (id -> label): label, twin, rival, rival_score, skill."""
    baselines = table[table["kind"] == BASELINE].set_index("forecaster")
    twin = table.set_index("forecaster").loc[TWIN]
    rows: list[dict[str, object]] = []
    for name, text in behaviours.items():
        theirs = baselines[name].astype(float).dropna()
        if theirs.empty or pd.isna(twin[name]):
            continue
        best = str(theirs.idxmin())
        ours, other = float(twin[name]), float(theirs[best])
        rows.append({"label": text, "twin": ours, "rival": best, "rival_score": other, "skill": 1 - ours / other})
    return pd.DataFrame(rows, columns=["label", "twin", "rival", "rival_score", "skill"])


def judged(achieved: float, nominal: float) -> str:
    """What an achieved coverage means for a nominal one, both as shares."""
    if abs(achieved - nominal) <= RIGHT_WITHIN:
        return "about right"
    return "too wide" if achieved > nominal else "too narrow"
