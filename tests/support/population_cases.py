"""People that were edited."""

from __future__ import annotations

from core.people.marginals import marginal_frame
from core.services.populations.synthesis import (
    population_spec,
)
from core.study import Study

MERIDIA = "meridia"


def shifted(study: Study, name: str = "age_by_sex") -> list[float]:
    """The table's values with the first row's half given to the last."""
    values = marginal_frame(population_spec(study), name)["value"].to_numpy(dtype=float).copy()
    values[-1] += values[0] / 2
    values[0] /= 2
    return [float(item) for item in values]
