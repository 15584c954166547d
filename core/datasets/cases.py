"""Counts of cases: what a report covers, and in words what a series of reports does not say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

#: Counts that never fall on this many reports, and rise on this many, are totals up to the day: new ones fluctuate.
STEADY_REPORTS, STEADY_RISES = 60, 20


def reports_per_day(reports: pd.Series) -> pd.Series:
    """Newly reported cases a day, on the days of reports.

    reports: newly reported cases, index days, NaN where nothing was reported. A report covers the days since the one
    before it (weekly totals cover seven), the first as many as the second, and is divided by them; days without a report
    stay missing. Where reports come every day nothing changes.
    """
    known = np.flatnonzero(reports.notna().to_numpy())
    if len(known) < 2:
        return reports
    days = reports.index.to_numpy().astype("datetime64[D]").astype(np.int64)[known]
    covered = np.diff(days)
    if (covered == 1).all():
        return reports
    found = reports.astype(float).copy()
    found.iloc[known] = found.iloc[known].to_numpy() / np.concatenate((covered[:1], covered))
    return found


def new_from_totals(totals: pd.Series) -> pd.Series:
    """Newly reported cases from counts up to each day: what came since the count before, on the day of the count.

    The first count of a series gives none: it says nothing of its day.
    """
    known = totals.dropna()
    return known.diff().reindex(totals.index)


def never_fall(reports: pd.Series) -> bool:
    """Whether these counts look like totals up to each day."""
    steps = np.diff(reports.dropna().to_numpy(dtype=float))
    return len(steps) + 1 >= STEADY_REPORTS and bool((steps >= 0).all()) and int((steps > 0).sum()) >= STEADY_RISES


def unreported(reports: pd.Series, first: date, last: date) -> tuple[str, ...]:
    """In words, what a run assumes from `first` to `last` where the series is silent."""
    known = reports.dropna()
    if known.empty:
        return ("No case is reported on any day: the epidemic level counts as low throughout.",)
    said = []
    begins, ends = known.index[0].date(), known.index[-1].date()
    if begins >= first:
        days = (min(begins, last) - first).days + 1
        said.append(
            f"Cases are reported from {begins} on: on the first {days:,} days of the study their level is not known "
            "and counts as low."
        )
    if ends < last:
        said.append(f"Cases are reported up to {ends}: after that the last level is carried on.")
    silent = int(reports.loc[known.index[0] : known.index[-1]].isna().sum())
    if silent:
        said.append(
            f"On {silent:,} days between reports of cases nothing was reported: each report is spread over the days "
            "since the one before."
        )
    return tuple(said)
