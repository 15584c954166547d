"""The generated pair that stands on the page until a visitor brings one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.survey.calibration.tables import AnswerTables, paired
from core.synthetic.twin_answers import generated_pair


@lru_cache(maxsize=1)
def example_pair() -> tuple[AnswerTables, np.ndarray]:
    """(tables, the group of each person)."""
    people, twins, groups = generated_pair()
    tables = paired(people, twins)
    return tables, groups.loc[list(tables.ids)].to_numpy()
