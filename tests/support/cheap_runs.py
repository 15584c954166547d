"""Parts of a run that take a tenth of their time, for tests that are not about their figures.

Boosting grows few trees, the search of the published calibration tries few pairs, and coherence is judged where nothing
was restricted before. The inputs of a run stay what they are. Only this process knows of it: a test that compares its
figures with those of another process, or with figures that are written down, is marked `full`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from sklearn.ensemble import GradientBoostingRegressor

from core.calibration.calibrators.paper import PaperCalibrator
from core.counterfactual import coherence
from core.forecasting import baselines
from core.services.runs import forecasters

TREES, TRIALS, MIDDLES = 8, 3, 1

_defaults = GradientBoostingRegressor.__init__.__kwdefaults__
_full_trees, _full_paper, _full_middles = _defaults["n_estimators"], forecasters._paper, coherence.RESTRICTED_MIDDLES


def _cheap_paper(
    simulated: pd.DataFrame, observed: pd.DataFrame, trials: int, seed: int, fewest: int
) -> PaperCalibrator:
    return _full_paper(simulated, observed, min(trials, TRIALS), seed, fewest)


def use(cheap: bool) -> None:
    """Cheap parts from now on, or all at full strength; what was remembered of the others is forgotten."""
    trees = TREES if cheap else _full_trees
    if _defaults["n_estimators"] == trees:
        return
    _defaults["n_estimators"] = trees
    forecasters._paper = _cheap_paper if cheap else _full_paper
    coherence.RESTRICTED_MIDDLES = _full_middles[:MIDDLES] if cheap else _full_middles
    forecasters.forget_rivals()
    baselines.forget_baselines()


@contextmanager
def at_full_strength() -> Iterator[None]:
    """For a run that all tests share, whichever is the first to ask for it."""
    cheap = _defaults["n_estimators"] == TREES
    use(False)
    try:
        yield
    finally:
        use(cheap)
