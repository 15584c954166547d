"""Policies of Meridia and their indices."""

from __future__ import annotations

import pandas as pd

from core.synthetic.meridia_truth import TRUTH


def sub_indices(policy: pd.DataFrame) -> pd.DataFrame:
    """The tracker's sub-indices (0-100), written out again here: 100·(v − 0.5·(F − f))/N."""
    parts = {}
    for lever in TRUTH.levers:
        level = policy[lever.code]
        flag = policy[f"{lever.code}_Flag"].fillna(0.0) if lever.has_flag else 1.0
        parts[lever.code] = (100 * (level - 0.5 * (1.0 - flag)) / lever.maximum).where(level > 0, 0.0)
    return pd.DataFrame(parts)


def stringency(policy: pd.DataFrame) -> pd.Series:
    return sub_indices(policy).drop(columns="H6").mean(axis=1)
