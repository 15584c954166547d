"""Whether numbers can be in the unit they are read as: fractions and ratios are no percents, totals no new counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.datasets.cases import never_fall
from core.datasets.findings import Findings

#: Values of a place in a column from which on their unit can be judged; at least half of them must not be whole.
FEWEST, FEWEST_ALONE = 14, 28
#: What fractions (of which visits to parks may be several) and ratios stay below in every column.
SMALL = 10.0


def check_percents(frame: pd.DataFrame, columns: Sequence[str], findings: Findings) -> None:
    """Mobility in percent that is read from fractions (-0.45 for -45%) or ratios to the baseline (0.55) is a fault.

    frame: `place` and these columns (float, NaN where missing). Where all columns of a place are small and one stays
    within -1 and 1 they are fractions, and so is one such column among others; where two or more are small and none is
    ever below 0 they are ratios. Whole numbers are percents.
    """
    cells = frame[list(columns)].to_numpy(dtype=float)
    if not (np.abs(cells - np.round(cells)) > 0).any():
        return
    for place, part in frame.groupby("place", sort=True):
        values = {name: seen for name in columns if len(seen := part[name].dropna().to_numpy()) >= FEWEST}
        broken = {name: seen for name, seen in values.items() if np.mean(seen != np.round(seen)) >= 0.5}
        most = {name: float(np.abs(seen).max()) for name, seen in values.items()}
        together = bool(broken) and all(highest <= SMALL for highest in most.values())
        for name, seen in broken.items():
            if most[name] <= 1.0 and (together or len(seen) >= FEWEST_ALONE):
                findings.add(
                    f"all {len(seen):,} values of {place} lie within -1 and 1: these are fractions, not percents",
                    column=name,
                    allowed="percent, -45 for 45% less than the baseline",
                    nearest=f"{100 * seen[0]:g} for {seen[0]:g}",
                )
                return
        if together and len(broken) >= 2 and min(seen.min() for seen in values.values()) >= 0.0:
            name, seen = next(iter(broken.items()))
            if len(seen) >= FEWEST_ALONE:
                findings.add(
                    f"all {len(seen):,} values of {place} lie within 0 and {most[name]:g}, and none in any column is "
                    "below 0: these are ratios, not percents",
                    column=name,
                    allowed="percent change, -45 for 0.55 of the baseline",
                )
                return


def check_index(values: np.ndarray, column: str, findings: Findings) -> None:
    """A published index within 0 and 1 that is not whole is a fraction of what the tracker publishes (0 to 100)."""
    seen = values[np.isfinite(values)]
    if len(seen) and seen.max() <= 1.0 and int(((seen > 0) & (seen < 1)).sum()) >= FEWEST:
        findings.add(
            f"all {len(seen):,} values lie within 0 and 1: these are fractions", column=column, allowed="0 to 100"
        )


def check_new_cases(frame: pd.DataFrame, column: str, findings: Findings) -> None:
    """Counts that never fall are totals up to each day, not new cases; frame: `place` and `new_cases`, by day."""
    reported = frame.dropna(subset="new_cases")
    falls = (reported["new_cases"].diff() < 0) & (reported["place"] == reported["place"].shift())
    steady = set(reported["place"]) - set(reported.loc[falls, "place"])
    for place in sorted(steady):
        if never_fall(reported.loc[reported["place"] == place, "new_cases"]):
            findings.add(
                f"the counts of {place} never fall: these are totals up to each day",
                column=column,
                allowed="the cases that each report adds, an empty cell where nothing was reported",
            )
            return
