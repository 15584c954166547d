"""What stands beside a mean over behaviours: which of them were never observed in the test period, and so are not in it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from core.forecasting.backtest_scores import TWIN
from core.forecasting.metrics import MACRO


def not_observed(scores: pd.DataFrame) -> list[str]:
    """The behaviours without a score, from a run's table of scores."""
    rows = _of_behaviours(scores)
    return [str(name) for name in rows.loc[rows["value"].isna(), "behaviour"]]


def macro_note(missing: Sequence[str], behaviours: int) -> str:
    """The sentence, for `missing` of so many behaviours; "" where none is missing."""
    if not missing:
        return ""
    was = "was" if len(missing) == 1 else "were"
    return f"{', '.join(missing)} {was} not observed in the test period: the mean is over the other {behaviours - len(missing)}."


def note_of_scores(scores: pd.DataFrame) -> str:
    """The sentence for a run's table of scores."""
    return macro_note(not_observed(scores), len(_of_behaviours(scores)))


def _of_behaviours(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[(scores["forecaster"] == TWIN) & (scores["metric"] == "rmse") & (scores["behaviour"] != MACRO)]
