"""The generated pair that stands on the page until a visitor brings one."""

from __future__ import annotations

from functools import lru_cache

import pandas as pd

from core.services.surveys.calibrate import People
from core.survey.calibration.tables import AnswerTables, paired
from core.synthetic.twin_answers import generated_pair

#: Stands for its files.
EXAMPLE = "generated example"


@lru_cache(maxsize=1)
def example_pair() -> tuple[AnswerTables, People]:
    """(tables, what is known of the people)."""
    people, twins, groups = generated_pair()
    return paired(people, twins), People(pd.DataFrame({"age": groups}))
