"""What came of a run and of its intervals, as commands print them, pages draw them and the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Self

import pandas as pd

from core.counterfactual.coherence import Coherence
from core.forecasting.metrics import MACRO
from core.result import Result
from core.services.language.usage import RunUsage
from core.services.runs.forecasters import BASELINE, family, label
from core.services.studies.changes import LeftAttempt
from core.store.runs import StoredRun
from core.study import Step
from core.validity.paired import Difference

#: Error measures, with words for what tells them apart.
METRICS: dict[str, str] = {"rmse": "RMSE (large misses count more)", "mae": "MAE (every miss counts alike)"}


@dataclass(frozen=True, kw_only=True)
class WidthSource:
    """Whose errors the widths of intervals come from: those of `fewest` to `most` other `places` up to `known_until`, or the
    study's own at so many independent origins; `by_rules` where a language model answered and the rules made the errors."""

    of: Literal["places", "own", "nothing"]
    fewest: int = 0
    most: int = 0
    known_until: date | None = None
    by_rules: bool = False


@dataclass(frozen=True, kw_only=True)
class IntervalLevel:
    """The share of observed values inside, the mean width and the mean interval score (points)."""

    coverage: float
    width: float
    score: float


@dataclass(frozen=True, kw_only=True)
class HeldIntervals:
    """What intervals held on the hold-out by level ("80"), of days that have one; `unknown` says by behaviour why there is
    none. `source` is what earlier versions kept in place of `widths`, in words."""

    levels: Mapping[str, IntervalLevel]
    unknown: Mapping[str, str] = field(default_factory=dict)
    widths: WidthSource | None = None
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class IntervalPart:
    """What a part of the uncertainty adds on a class of days ahead: its standard deviation (points) and share of variance."""

    behaviour: str
    part: str
    first_day: int
    last_day: int
    deviation: float
    share: float


@dataclass(frozen=True, kw_only=True)
class IntervalsResult(HeldIntervals, Result):
    """The intervals of a run's forecast: what they held, and what they are made of."""

    run_id: str
    engine: str
    parts: tuple[IntervalPart, ...]


@dataclass(frozen=True, kw_only=True)
class RunResult(Result, kind="run"):
    """A study run on one split: errors on the hold-out by forecaster, in points of the metric (None where a behaviour was not
    observed), what the search found, and how coherent the agents were.

    `differences` are the twin's RMSE less each forecaster's; `bounds` the ranges that were searched; `left_out` the
    ablations that a language model was not asked for, and why; `began_anew` an attempt that was not taken up; `asking` what
    a language model was asked; `seconds` the time by stage.
    """

    run_id: str = ""
    study: str
    fictional: bool
    engine: str
    personas: int
    days: int
    contexts: int
    behaviours: int
    train_end: date
    test_end: date
    macro_rmse: Mapping[str, float]
    rmse: Mapping[str, Mapping[str, float | None]]
    mae: Mapping[str, Mapping[str, float | None]]
    calibration_gap: float
    parameters: Mapping[str, float]
    calibrators: Mapping[str, str]
    inner_score: float
    seconds: Mapping[str, float]
    result_hash: str
    rung: str
    peak_memory_mb: float = 0.0
    largest_marginal_error: float | None = None
    not_observed: tuple[str, ...] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)
    intervals: HeldIntervals | None = None
    bounds: Mapping[str, tuple[float, float]] | None = None
    contradicting_tables: tuple[str, ...] = ()
    data_notes: tuple[str, ...] = ()
    coherence: Coherence | None = None
    began_anew: LeftAttempt | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    asking: RunUsage | None = None

    @classmethod
    def of(cls, run: StoredRun) -> Self:
        """The result of a complete run in the store. InputError where it has none that this version knows."""
        return cls.from_dict({"run_id": run.run_id, **(run.summary or {})})

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        unseen = [
            name for name, errors in raw.get("rmse", {}).items() if all(error is None for error in errors.values())
        ]
        anew = raw.get("began_anew")
        if isinstance(anew, str):  # a sentence, in earlier versions
            changes = anew.removesuffix(".").rpartition("Changed since: ")[2].split("; ")
            anew = {"run_id": anew.partition(",")[0], "changes": changes}
        known = {"not_observed": unseen, **raw, "began_anew": anew, "coherence": raw.get("coherence") or None}
        return super().from_dict(known)

    def errors(self, metric: str) -> Mapping[str, float]:
        """Mean over behaviours by forecaster, least first."""
        matrix = self._matrix(metric)
        means = self.macro_rmse if metric == "rmse" else dict(matrix.mean(axis=1))
        return dict(sorted(means.items(), key=lambda item: item[1]))

    def baselines(self, metric: str = "rmse") -> Mapping[str, float]:
        """`errors` of the baselines alone."""
        return {name: value for name, value in self.errors(metric).items() if family(name) == BASELINE}

    def leaderboard(self, metric: str, step: Step = Step.DAY) -> pd.DataFrame:
        """Mean over behaviours of each forecaster, best first: forecaster, label (as of a step), family, value."""
        errors = self.errors(metric)
        return pd.DataFrame(
            {
                "forecaster": list(errors),
                "label": [label(name, step) for name in errors],
                "family": [family(name) for name in errors],
                "value": list(errors.values()),
            }
        )

    def score_matrix(self, metric: str) -> pd.DataFrame:
        """Errors, (forecasters in the order of the leaderboard × behaviours and `macro`)."""
        errors = self.errors(metric)
        return self._matrix(metric).reindex(list(errors)).assign(**{MACRO: pd.Series(errors)})

    def _matrix(self, metric: str) -> pd.DataFrame:
        return pd.DataFrame(self.rmse if metric == "rmse" else self.mae, dtype=float)
