"""Whether the twin serves some people worse than others.

Two questions that must not be confused. *Accuracy by group* needs to know what each group did, as is known of regions
(`core.validity.regions`): the demographic parity difference is then the worst group's error less the best group's (after
Park et al. 2024, arXiv 2411.10109, who take the best group's accuracy less the worst's). Where nothing is known of
groups there is only the *difference in simulated response*: who reacts more to a policy in the simulation. That is an
assumption made visible, and no accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.counterfactual.fitted import FittedTwin
from core.counterfactual.trajectories import ResponsePath, category_mean_draws, interval_of

#: Categories that fewer personas stand for are shown, but never called the most or the least responsive: chance decides.
FEWEST_PERSONAS = 10


@dataclass(frozen=True)
class Parity:
    """Errors of groups at a glance: the worst, the best, and how far they lie apart (`difference`, units of the error)."""

    best: str
    best_error: float
    worst: str
    worst_error: float
    mean: float
    groups: int

    @property
    def difference(self) -> float:
        return self.worst_error - self.best_error


def parity(errors: Mapping[str, float]) -> Parity | None:
    """The parity of errors by group; groups without an error (NaN) are left out. None for fewer than two groups."""
    known = {name: float(value) for name, value in errors.items() if np.isfinite(value)}
    if len(known) < 2:
        return None
    best, worst = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    return Parity(best, known[best], worst, known[worst], float(np.mean(list(known.values()))), len(known))


@dataclass(frozen=True)
class AttributeResponse:
    """How the categories of one attribute respond to the same change of policy.

    rows: category, behaviour, change, lower, upper (points of the metric; 80% interval), people, personas.
    extremes: behaviour, most, least, difference, lower, upper: the change of the category that responds most in the
    direction a stricter policy is expected to move people, less that of the one that responds least. The pair is picked
    by its difference, so that the interval is too narrow for a test. small: categories too few personas stand for.
    """

    attribute: str
    rows: pd.DataFrame
    extremes: pd.DataFrame
    small: tuple[str, ...]


def response_by_category(
    twin: FittedTwin, before: ResponsePath, after: ResponsePath, attribute: str, fewest: int = FEWEST_PERSONAS
) -> AttributeResponse:
    """The change of each category's mean from one policy to another; the paths must come from one call of `follow`.

    NaN where a category's baseline is next to nothing. Raises InputError for an unknown attribute.
    """
    labels = twin.personas[attribute].astype(str) if attribute in twin.personas else pd.Series(dtype=str)
    drawn_before, drawn_after = category_mean_draws(twin, [before, after], attribute)
    change = after.group_means() - before.group_means()
    points = pd.DataFrame(change.xs(attribute, level="attribute"))
    draws = {name: drawn_after[name] - drawn_before[name] for name in drawn_after}
    people = twin.personas["weight"].groupby(labels).sum()
    personas = labels.value_counts()
    columns = after.metric.columns
    parts = []
    for name in draws:
        lower, upper = interval_of(draws[name], columns)
        part = pd.DataFrame({"change": points.loc[name], "lower": lower, "upper": upper})
        parts.append(part.assign(category=name, people=int(people[name]), personas=int(personas[name])))
    rows = pd.concat(parts).rename_axis("behaviour").reset_index()
    rows = rows[["category", "behaviour", "change", "lower", "upper", "people", "personas"]]
    large = [name for name in draws if personas[name] >= fewest]
    signs = {item.id: item.expected_sign for item in twin.problem.study.behaviours}
    return AttributeResponse(
        attribute=attribute,
        rows=rows,
        extremes=_extremes(points.reindex(index=large), {name: draws[name] for name in large}, signs),
        small=tuple(name for name in draws if name not in large),
    )


def _extremes(points: pd.DataFrame, draws: Mapping[str, np.ndarray], signs: Mapping[str, int]) -> pd.DataFrame:
    """`points` is categories × behaviours, `draws` (draws, behaviours) by category."""
    rows = []
    for position, behaviour in enumerate(points.columns):
        response = (points[behaviour] * signs[str(behaviour)]).dropna()
        if len(response) < 2:
            continue
        most, least = str(response.idxmax()), str(response.idxmin())
        drawn = (draws[most] - draws[least])[:, [position]]
        lower, upper = interval_of(drawn, pd.Index([behaviour]))
        rows.append(
            {
                "behaviour": str(behaviour),
                "most": most,
                "least": least,
                "difference": float(points[behaviour].loc[most] - points[behaviour].loc[least]),
                "lower": float(lower.iloc[0]),
                "upper": float(upper.iloc[0]),
            }
        )
    return pd.DataFrame(rows, columns=["behaviour", "most", "least", "difference", "lower", "upper"])
