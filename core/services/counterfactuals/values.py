"""Sweeps and contrasts as commands print them and as the store keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.counterfactual.contrast import Contrast
from core.counterfactual.sweep import Sweep
from core.services.counterfactuals.claims import Claims

CLAIMS = "behavioural plausibility under the engine's assumptions, not a causal effect"
#: How the reference is called among a comparison's stored paths; ids of timelines end in a hash and never equal it.
REFERENCE = "reference"


def claim_values(claims: Claims) -> dict[str, Any]:
    """What `sweep` and `compare` print of what may be claimed: what the interval covers, and what was measured elsewhere."""
    return {
        "interval": f"80%: {claims.covered}; not the residual of single days",
        "claims": CLAIMS,
        "measured": claims.as_dict(),
    }


def sweep_values(sweep: Sweep) -> dict[str, Any]:
    """What `policytwin sweep --json` prints of a sweep, beside `claim_values`."""
    return {
        "levels": [
            {
                "level": item.policy.target,
                "realised_stringency": round(item.policy.realised, 4),
                "indicators": item.policy.levels,
                "metric": _rounded(item.mean),
                "lower": _rounded(item.lower),
                "upper": _rounded(item.upper),
                "distance_to_training": round(item.distance, 3),
                "similar_training_days": item.similar,
                "outside_support": item.outside,
            }
            for item in sweep.levels
        ],
        "monotone": sweep.monotone,
        "not_monotone": list(sweep.not_monotone),
        "bounded": sweep.bounded,
        "outside_support": sweep.outside_support,
        "start": str(sweep.dates[0].date()),
        "end": str(sweep.dates[-1].date()),
        "days": len(sweep.dates),
        "day_types": sweep.day_types,
        "held": {"epidemic_level": sweep.epidemic, "days_under_restrictions": sweep.restricted_days},
    }


def sweep_frame(sweep: Sweep) -> pd.DataFrame:
    """The store's rows of a sweep: means over the days by level, everyone and each subgroup; subgroups carry no interval."""
    parts = []
    for item in sweep.levels:
        everyone = pd.DataFrame({"mean": item.mean, "lower": item.lower, "upper": item.upper})
        everyone = everyone.rename_axis("behaviour").reset_index().assign(attribute="all", attribute_level="all")
        groups = item.path.group_tall().rename(columns={"category": "attribute_level"})
        both = pd.concat([everyone, groups.assign(lower=np.nan, upper=np.nan)[everyone.columns]], ignore_index=True)
        parts.append(both.assign(level=item.policy.target, realised_stringency=item.policy.realised))
    return pd.concat(parts, ignore_index=True)


def compare_values(found: Sequence[Contrast], ids: Sequence[str]) -> dict[str, Any]:
    """What `policytwin compare --json` prints of contrasts, beside `claim_values`; `ids` are the scenarios' timeline ids."""
    dates = found[0].path.dates
    return {
        "start": str(dates[0].date()),
        "end": str(dates[-1].date()),
        "days": len(dates),
        "reference": found[0].reference_name,
        "reference_days_outside_support": found[0].reference_outside_days,
        "scenarios": [
            {
                "name": item.name,
                "timeline_id": identifier,
                "changes": item.changes,
                "mean_stringency": round(float(item.path.stringency.mean()), 3),
                "reference_stringency": round(float(item.reference.stringency.mean()), 3),
                "difference": _rounded(item.difference),
                "lower": _rounded(item.lower),
                "upper": _rounded(item.upper),
                "days_outside_support": item.outside_days,
            }
            for item, identifier in zip(found, ids, strict=True)
        ],
    }


def path_frame(found: Sequence[Contrast], ids: Sequence[str]) -> pd.DataFrame:
    """The store's rows of a comparison: each path by day with its interval; `ids` are the scenarios' timeline ids."""
    paths = {REFERENCE: found[0].reference} | {name: item.path for name, item in zip(ids, found, strict=True)}
    parts = []
    for name, path in paths.items():
        lower, upper = path.interval()
        tall = [
            frame.rename_axis(index="date").reset_index().melt("date", var_name="behaviour", value_name=column)
            for column, frame in (("value", path.metric), ("lower", lower), ("upper", upper))
        ]
        rows = tall[0].assign(lower=tall[1]["lower"], upper=tall[2]["upper"])
        parts.append(rows.assign(forecaster=name, phase="counterfactual"))
    return pd.concat(parts, ignore_index=True)


def _rounded(values: pd.Series) -> dict[str, float]:
    return {str(name): round(float(value), 4) for name, value in values.items()}
