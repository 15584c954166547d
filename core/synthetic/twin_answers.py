"""Generated people and their generated twins, as an example of calibrating: nobody was asked, and no model either.

People have three traits; each answers 24 questions of 1 to 5 by its traits and chance, and leaves a fifth empty at random. A twin
knows the traits with an error, mixes them wrongly, and is surer than people are: what calibration can mend, with the truth known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

PEOPLE, QUESTIONS, TRAITS = 240, 24, 3


def generated_pair(
    seed: int = 0, count: int = PEOPLE, questions: int = QUESTIONS
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """(people, twins, group): answers by id with NaN where not answered, and each person's age group."""
    random = np.random.default_rng(seed)
    young = random.uniform(size=count) < 0.4
    traits = random.normal(size=(count, TRAITS))
    loads = random.normal(size=(TRAITS, questions))
    hidden = traits @ loads + random.normal(size=(count, questions))
    # Twins of the young are worse: so accuracy by group has something to show.
    told = traits + random.normal(size=traits.shape) * np.where(young, 1.0, 0.5)[:, None]
    wrong = loads * random.uniform(0.5, 1.5, size=loads.shape) * np.where(random.uniform(size=questions) < 0.1, -1, 1)
    said = told @ wrong
    holes = random.uniform(size=hidden.shape) < 0.2
    names = [f"question {place + 1}" for place in range(questions)]
    ids = pd.Index([f"p{place + 1}" for place in range(count)], name="id")

    def scale(values: np.ndarray) -> np.ndarray:
        return np.clip(np.round(3 + values / values.std(axis=0) * 1.1), 1, 5)

    people = pd.DataFrame(np.where(holes, np.nan, scale(hidden)), columns=names, index=ids)
    return (
        people,
        pd.DataFrame(scale(said), columns=names, index=ids),
        pd.Series(np.where(young, "18–34", "35+"), index=ids),
    )
