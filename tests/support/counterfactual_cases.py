"""A finished run of Meridia with its twin, for tests of counterfactuals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from core.counterfactual.fitted import FittedTwin
from core.services.studies.inputs import StudyInputs
from core.store.database import Store
from core.store.runs import StoredRun


@dataclass(frozen=True)
class Case:
    """A finished run of Meridia in a store of this module's own, with its twin."""

    path: Path
    store: Store
    run: StoredRun
    inputs: StudyInputs
    twin: FittedTwin
    dates: pd.DatetimeIndex

    @property
    def first(self) -> date:
        return self.twin.origin + timedelta(days=1)
